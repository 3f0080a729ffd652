"""Workflow conformance of a host, from its workflow evidence where that has arrived."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkflowShown:
    """One workflow of one agent: runs that fit, and what the others did instead."""

    workflow: str
    digest: str
    agent: str
    runs: int
    fitting: int
    open: int
    inexact: int
    deviations: tuple[tuple[str, int], ...]
