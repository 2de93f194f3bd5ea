"""Records beside the truth: probability of detection, nuisance rate, location error and delay."""
