"""Geophones and seismometers behind a SeedLink server, as a source."""
