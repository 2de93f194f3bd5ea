"""What ONVIF cameras report by themselves, motion and tampering, as a source."""
