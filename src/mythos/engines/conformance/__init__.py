"""Conformance: how far a run strays from its workflow, step by step, and what many runs add up to.

Pure: workflows and traces in, costs, alignments and mergeable summaries out.
"""

from mythos.engines.conformance.alignment import Alignment, Move, MoveKind
from mythos.engines.conformance.group import Group
from mythos.engines.conformance.model import Model, compile_blueprint
from mythos.engines.conformance.stream import Interval, Stream

__all__ = [
    "Alignment",
    "Group",
    "Interval",
    "Model",
    "Move",
    "MoveKind",
    "Stream",
    "compile_blueprint",
]
