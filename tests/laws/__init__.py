"""Tests of the six laws, over single steps and over the whole thread."""
