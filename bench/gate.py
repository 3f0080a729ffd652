"""What an action at a node's decision point costs while its run goes on: after more and more spans.

Held against each other: an action after 100 spans of the run, and after many more (`_gate`).
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from pathlib import Path

import _gate
from rows import Row, report

SIZES = (100, 1_000, 10_000)
ACTIONS = 20


def measure() -> list[Row]:
    """CPU-milliseconds of one action at each size, the sizes taken in turns."""
    with tempfile.TemporaryDirectory() as folder:
        desks = {size: _gate.Desk(_made(Path(folder) / str(size)), size) for size in SIZES}
        rounds = [{size: _action_s(desk) for size, desk in desks.items()} for _ in range(3)]
    best = {size: min(taken[size] for taken in rounds) for size in SIZES}
    return [
        Row(
            f"action after {size:,} spans",
            taken_s * 1_000,
            "CPU-ms",
            f"after {SIZES[0]:,} spans",
            best[SIZES[0]] / taken_s,
            ">= 0.8" if size == SIZES[-1] else None,
        )
        for size, taken_s in best.items()
    ]


def _action_s(desk: _gate.Desk) -> float:
    """CPU-seconds of one action, the mean of several."""
    gc.collect()
    start = time.process_time()
    allowed = sum(desk.action() for _ in range(ACTIONS))
    taken_s = time.process_time() - start
    if allowed != ACTIONS:
        raise RuntimeError(f"{allowed} of {ACTIONS} actions were allowed")
    return taken_s / ACTIONS


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(report("gate", measure()))
