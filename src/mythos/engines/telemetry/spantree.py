"""The tree of one trace: who encloses whom, whatever was lost, doubled or forged.

Law: the tree depends on the set of spans alone, not on their order or batches. A missing parent
makes a top; a parent cycle is cut at its earliest span; of unequal spans with one id the one that
ended last stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from mythos.values.event import Span

_ENTRY_KINDS: Final = frozenset({2, 5})  # SERVER and CONSUMER: the parent lives elsewhere


@dataclass(frozen=True, slots=True)
class SpanTree:
    """Spans of one trace. `spans` is sorted by (start, id), `parents` holds `""` for a top.

    `downward` ranks every id after its parent's, and lists them so.
    """

    spans: Mapping[str, Span]
    parents: Mapping[str, str]
    downward: Mapping[str, int]

    @property
    def tops(self) -> tuple[str, ...]:
        """Ids of spans without a parent here, earliest first."""
        return tuple(span_id for span_id in self.spans if not self.parents[span_id])

    def above(self, span_ids: Iterable[str]) -> set[str]:
        """Ids of all spans that enclose one of these."""
        found: set[str] = set()
        for span_id in span_ids:
            at = self.parents[span_id]
            while at and at not in found:
                found.add(at)
                at = self.parents[at]
        return found


def plant(spans: Iterable[Span]) -> SpanTree:
    """Build the tree of spans that share a trace."""
    kept: dict[str, Span] = {}
    for span in spans:
        other = kept.get(span.span_id)
        kept[span.span_id] = span if other is None else _later(other, span)
    ordered = {s.span_id: s for s in sorted(kept.values(), key=lambda s: (s.start_ns, s.span_id))}
    parents = {s.span_id: s.parent_id if s.parent_id in ordered else "" for s in ordered.values()}
    cut_cycles(parents)
    return SpanTree(ordered, parents, downward(parents))


def is_entry(span: Span) -> bool:
    """Whether nothing above this span is to be expected here: no parent, or a remote one."""
    return not span.parent_id or span.kind in _ENTRY_KINDS


def _later(one: Span, other: Span) -> Span:
    return one if one == other else max(one, other, key=_rank)


def _rank(span: Span) -> tuple[int, bytes]:
    return span.end_ns, orjson.dumps(
        span, default=dict, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
    )


def cut_cycles(parents: dict[str, str]) -> None:
    """Make a top of the first member of each cycle, by the order of the mapping."""
    settled: set[str] = set()
    rank = {span_id: place for place, span_id in enumerate(parents)}
    for start in parents:
        path: dict[str, None] = {}
        at = start
        while at and at not in settled and at not in path:
            path[at] = None
            at = parents[at]
        if at in path:
            trail = list(path)
            parents[min(trail[trail.index(at) :], key=rank.__getitem__)] = ""
        settled.update(path)


def downward(parents: Mapping[str, str]) -> dict[str, int]:
    """Rank every id after its parent; every id's descendants follow it at once."""
    children: dict[str, list[str]] = {}
    for span_id, parent in parents.items():
        children.setdefault(parent, []).append(span_id)
    order: dict[str, int] = {}
    waiting = children.get("", [])[::-1]
    while waiting:
        span_id = waiting.pop()
        order[span_id] = len(order)
        waiting.extend(reversed(children.get(span_id, ())))
    return order
