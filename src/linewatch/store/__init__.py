"""Bytes and rows that outlive the process: journal, archive, outbox and users."""
