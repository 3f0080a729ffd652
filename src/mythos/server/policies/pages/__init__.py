"""What the policy pages show: pure functions from facts to frozen page values."""
