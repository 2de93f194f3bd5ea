"""Blocks become detections: here raw samples are judged, place by place, as quiet or disturbed."""
