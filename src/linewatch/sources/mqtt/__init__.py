"""Sensors that speak MQTT, by a map from their messages to detections and findings."""
