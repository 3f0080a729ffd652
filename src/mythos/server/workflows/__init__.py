"""Workflows: pages and API."""
