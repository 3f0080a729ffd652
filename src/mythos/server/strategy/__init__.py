"""Recommendations: where what may run next, on what evidence."""
