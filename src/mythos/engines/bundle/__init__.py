"""Bundles as bytes: canonical form, digests, OCI documents, archive order, what to verify.

Everything here is pure: it never opens a file and never asks a network. Trust (signatures,
versions, expiry) belongs to the TUF adapters; this package only knows what a bundle *is*.
"""
