"""MythOS: the control plane for fleets of AI agents.

Layers, each seeing only those to its right:
`cli > server | node > adapters > engines > values > errors`.
"""

__version__ = "0.1.0"
