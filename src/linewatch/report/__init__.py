"""Counts, rates and trends with their intervals, exports, and what was known at a given time."""
