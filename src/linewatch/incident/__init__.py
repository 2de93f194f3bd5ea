"""Tracks and outages become incidents: what a person has to deal with, and why."""
