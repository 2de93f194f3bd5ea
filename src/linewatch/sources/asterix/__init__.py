"""Ground radars that speak ASTERIX, as a source."""
