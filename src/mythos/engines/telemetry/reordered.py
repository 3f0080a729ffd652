"""What came does not merely go on from what was there."""

from __future__ import annotations


class ReorderedError(Exception):
    """What was told before changes: read the whole again."""
