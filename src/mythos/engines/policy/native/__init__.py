"""Native evaluation: rules as one Python function, for the part of Cedar understood exactly."""
