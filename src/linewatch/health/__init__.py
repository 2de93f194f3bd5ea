"""What sensors say of themselves, or what we infer of them, turned into health records and outages."""
