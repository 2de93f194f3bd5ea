"""Incidents leave the house: messages to other systems and to people."""
