"""The table of detection scores, and the command that renews it."""
