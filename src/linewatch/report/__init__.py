"""Counts, rates and trends with intervals; exports; and what was known when."""
