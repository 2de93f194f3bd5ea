"""Detections become tracks: predict, associate, update, initiate and delete along the line."""
