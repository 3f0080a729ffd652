"""Toolless: agents of which nobody told what their tools do.

A run whose catalogue is not known is undecidable throughout, and switching on capture would not
help. Raised for the last 24 h; it goes when the catalogue has come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from mythos.engines.evidence.policy import PolicyBody
from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.evidence.sample import Sample
from mythos.engines.evidence.window import DAY_S, Window
from mythos.engines.resilience.facts import NodeFacts
from mythos.engines.resilience.finding import Finding, Scene
from mythos.values.outcome import NO_CATALOGUE
from mythos.values.reading import EvidenceRef


def toolless(rows: Iterable[EvidenceRow], *, facts: NodeFacts, scene: Scene) -> Iterator[Finding]:
    """Find the agents whose calls no tool catalogue explains."""
    end = scene.as_of.timestamp()
    day = Window(end - DAY_S, end)
    calls: Counter[tuple[str, str]] = Counter()
    samples: dict[str, list[Sample]] = {}
    for row in rows:
        key, body = row.key, row.body
        if not isinstance(body, PolicyBody) or NO_CATALOGUE not in body.rules:
            continue
        if day.overlaps(key.cell, key.width_s):
            agent = facts.name_of(key.agent)
            calls[agent, key.subject] += body.rules[NO_CATALOGUE].undecidable
            kept = [one for one in body.samples.clean if one.rule == NO_CATALOGUE]
            samples.setdefault(agent, []).extend(kept)
    for agent, kept in sorted(samples.items()):
        n = max(n for (name, _), n in calls.items() if name == agent)  # every set counts each call
        yield _finding(agent, kept, n=n, scene=scene)


def _finding(agent: str, samples: Iterable[Sample], *, n: int, scene: Scene) -> Finding:
    traces = sorted({sample.trace_id for sample in samples})
    return Finding(
        code="TOOLS_UNKNOWN",
        subject=scene.subject(agent, "tools"),
        words={"agent": agent or "the agent"},
        value=n,
        threshold=0,
        window_s=DAY_S,
        evidence=tuple(EvidenceRef(kind="trace", ref=trace) for trace in traces),
    )
