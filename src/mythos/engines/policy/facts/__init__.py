"""Facts about the past: what a policy set may ask of history, and how history answers."""
