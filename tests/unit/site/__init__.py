"""Tests of WHERE."""
