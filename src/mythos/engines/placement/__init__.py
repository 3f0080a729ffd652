"""Placement: which agent may run where, how much of it, and what evidence says so.

Beliefs, labels and capacities in; a plan with its bound, reasons and counterfactuals out. Equal
inputs give equal bytes, in whatever order they were listed.
"""

from __future__ import annotations

from mythos.engines.placement.recommend import recommend
from mythos.engines.placement.request import Arrivals, Exclusion, PlacementInput, WantedAgent

__all__ = ["Arrivals", "Exclusion", "PlacementInput", "WantedAgent", "recommend"]
