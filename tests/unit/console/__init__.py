"""Tests of bytes and rows that outlive the process."""
