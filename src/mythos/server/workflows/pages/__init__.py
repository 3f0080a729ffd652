"""What the workflow pages show, as values; pure."""
