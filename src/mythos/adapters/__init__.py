"""Impure edges, one port each: registries, trust repositories, key files, memory stores."""
