"""The `mythos` command, one file a noun."""
