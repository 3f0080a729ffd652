"""What the streams of one workflow share: its places, what moves cost, how many places to keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mythos.engines.conformance.automaton import MAX_STATES, Automaton
from mythos.engines.conformance.costs import Costs, coarse
from mythos.engines.conformance.places import AutomatonPlaces, Places
from mythos.engines.conformance.residue import Residues
from mythos.engines.conformance.tree import Tree

KEPT_WHOLE = 256
_WINDOW, _WIDE_WINDOW = 8, 4  # deviations behind the best, of the dearest kind


@dataclass(frozen=True, slots=True)
class Ground:
    """`window` is on the scale of the places, `are_unit` tells which it is; None: keep all."""

    places: Places[Any]
    window: int | None
    are_unit: bool

    def weight(self, cost: int) -> int:
        """A cost in the weights of the workflow."""
        return cost if self.are_unit else coarse(cost)


def ground_of(tree: Tree, automaton: Automaton | None, costs: Costs) -> Ground:
    """The ground of a workflow: its automaton where that is small, else its residues.

    On the scale every deviation costs something, so that of equally cheap explanations the one
    with the fewest deviations is told from the others.
    """
    scaled = costs if costs.are_unit else costs.refined()
    dearest = max((*scaled.skips, *scaled.extras), default=1)
    if automaton is None or len(automaton.rows) > MAX_STATES:
        places: Places[Any] = Residues(tree, scaled)
        window: int | None = _WIDE_WINDOW * dearest
    else:
        places = AutomatonPlaces(automaton, scaled)
        window = None if len(automaton.rows) <= KEPT_WHOLE else _WINDOW * dearest
    return Ground(places, window, costs.are_unit)
