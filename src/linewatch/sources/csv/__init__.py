"""A CSV file that some other program writes on: positions of own people, or the weather, as a source."""
