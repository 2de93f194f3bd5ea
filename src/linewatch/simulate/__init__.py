"""Scenes played as if they were real: blocks or detections, with the truth beside them."""
