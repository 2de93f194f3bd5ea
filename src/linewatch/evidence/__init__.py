"""Clips cut from what was felt at the time of an incident, and the pictures drawn from them."""
