"""Linewatch watches a long line of motion sensors and turns what they feel into incidents that people can trust."""

__version__ = "0.1.0"

__all__ = ["__version__"]
