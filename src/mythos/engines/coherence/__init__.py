"""Coherence: what policy sets can and cannot decide, asked of a solver and replayed by Cedar."""
