"""Bundles, their trust repositories and where they are assigned."""
