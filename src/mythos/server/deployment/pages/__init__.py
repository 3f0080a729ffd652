"""What the pages show: pure functions from facts to frozen page values."""
