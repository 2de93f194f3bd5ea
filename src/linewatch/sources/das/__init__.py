"""Fibre interrogators that write files or publish arrays, as a source."""
