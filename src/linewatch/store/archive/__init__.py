"""Detections, findings of health and their rollups as Parquet files that the journal cites, and how they are read."""
