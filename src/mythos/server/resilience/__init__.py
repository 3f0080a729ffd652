"""Evidence intake and the readings computed from it."""
