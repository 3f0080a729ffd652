"""What every benchmark prints: rows with a value, what it was held against, and a goal.

    {"bench": "memory", "date": "2026-11-22", "rows": [
        {"name", "value", "unit", "against", "ratio", "goal"}]}

`ratio` compares ours with `against` in one run on one machine; more is better unless the goal says
`<=`. A goal is held against the ratio where there is one, else against the value; no goal means
"report only". Seconds are CPU-seconds, best of three, so that a busy machine changes little.
"""

from __future__ import annotations

import argparse
import gc
import json
import operator
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

_GOAL = re.compile(r"(>=|<=|==) (-?[0-9][0-9_]*(?:\.[0-9]+)?)")
_HOLDS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `against` says in words what `ratio` compares with."""

    name: str
    value: float
    unit: str
    against: str | None = None
    ratio: float | None = None
    goal: str | None = None

    def __post_init__(self) -> None:
        if self.goal is not None and not _GOAL.fullmatch(self.goal):
            raise ValueError(f"the goal {self.goal!r} is not like '>= 40', '<= 0.5' or '== 0'")

    @property
    def verdict(self) -> str:
        """`met`, `missed`, or `report only` where there is no goal. What is no number misses."""
        if self.goal is None:
            return "report only"
        sign, bound = self.goal.split()
        seen = self.value if self.ratio is None else self.ratio
        return "met" if _HOLDS[sign](seen, float(bound)) else "missed"


def cpu_seconds(work: Callable[[], object], *, best_of: int = 3) -> float:
    """CPU-seconds of this process for one call of `work`, the least of `best_of` calls."""
    taken = []
    for _ in range(best_of):
        gc.collect()
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


def report(bench: str, rows: Sequence[Row], argv: Sequence[str] | None = None) -> int:
    """Print the rows, as one line of JSON with `--json`, else as a table.

    Args:
        bench: name of the benchmark.
        rows: its figures.
        argv: the command line without the program, by default this process's.

    Returns:
        The exit code: 1 if a goal was missed, else 0.
    """
    parser = argparse.ArgumentParser(prog=f"bench/{bench}.py")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    asked = parser.parse_args(argv)
    print(as_json(bench, rows, on=_today()) if asked.json else as_table(bench, rows, on=_today()))
    return int(any(row.verdict == "missed" for row in rows))


def as_json(bench: str, rows: Sequence[Row], *, on: str) -> str:
    """One line of JSON; `on` is an ISO day."""
    return json.dumps({"bench": bench, "date": on, "rows": [asdict(row) for row in rows]})


def as_table(bench: str, rows: Sequence[Row], *, on: str) -> str:
    """A Markdown table, which is readable as it stands and fits the docs page."""
    head = ("row", "value", "unit", "ratio", "against", "goal", "")
    cells = [head, *(_cells(row) for row in rows)]
    wide = [max(len(line[i]) for line in cells) for i in range(len(head))]
    lines = ["| " + " | ".join(map(str.ljust, line, wide)) + " |" for line in cells]
    rule = "|" + "|".join("-" * (width + 2) for width in wide) + "|"
    return "\n".join([f"{bench}, {on}", "", lines[0], rule, *lines[1:]])


def _cells(row: Row) -> tuple[str, ...]:
    ratio = "" if row.ratio is None else _number(row.ratio)
    return (
        row.name,
        _number(row.value),
        row.unit,
        ratio,
        row.against or "",
        row.goal or "",
        row.verdict,
    )


def _number(value: float) -> str:
    """Three digits that mean something, and thousands set apart."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == 0 else f"{value:.3g}"


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
