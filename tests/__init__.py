"""The tests: units, laws, golden files, the whole system, and the architecture itself."""
