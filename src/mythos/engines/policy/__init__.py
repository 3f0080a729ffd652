"""Policy engine: read a policy set, compile it against a tool catalogue, decide and judge."""
