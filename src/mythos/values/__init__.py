"""Boundary types: what files, sockets and forms become once, at the edge."""
