"""The doors of the house: the outside world becomes blocks, detections and tracks here."""
