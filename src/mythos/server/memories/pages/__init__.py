"""Page values of the memory logs: pure functions from facts."""
