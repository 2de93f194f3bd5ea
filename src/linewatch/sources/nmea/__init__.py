"""Receivers of own vehicles and people that tell where they are in NMEA 0183, as a source."""
