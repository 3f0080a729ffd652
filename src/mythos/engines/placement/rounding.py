"""Rounding of printed numbers: six decimals, so bytes do not hang on the last bit of a library."""

from __future__ import annotations


def rounded(value: float) -> float:
    """The value to six decimals, never a negative zero."""
    return round(value, 6) + 0.0
