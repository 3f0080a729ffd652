"""Resilience: what the evidence of one node says of it, with bounds, reasons and flags.

A reading is a pure function of rows, facts and a moment: the same evidence gives the same score
anywhere, and a stored score is only a cached one. No data is never health.
"""
