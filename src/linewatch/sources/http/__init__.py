"""A plain door by HTTP, for everything that speaks no protocol of its own."""
