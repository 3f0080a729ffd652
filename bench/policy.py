"""Policy decisions per CPU-second: against plain Cedar, after long histories, against a peer.

`bare` is cedarpy with everything parsed once, given the same questions with the same schema. Ours
reads the history's facts, checks arguments and explains its answer; bare does none of that. Ours
is asked all questions several times in a turn: once takes a few milliseconds, which any neighbour
on the machine doubles, where bare takes a fifth of a second.
With `--peer dogwood` the peer is built from PyPI for this run. What is evaluated without Cedar is
held against Cedar on random rules.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import _coherence
import _dogwood
import _native
import _questions
import _reach
import _temporal
from rows import Row, cpu_seconds, report

UNIT = "decisions/CPU-s"
TURNS = 5
AGAIN = 10
STEPS = 300
PEER_EVENTS = 1_000
TRACE = 10_000
EVENTS = (1_000, 10_000, 100_000)
GOALS = {10: None, 100: ">= 5", 1_000: ">= 30"}
PEER = ["--peer", "dogwood"]


def together(*works: Callable[[], object]) -> list[float]:
    """CPU-seconds of each, the least of five, taken in turns: noise then meets all alike."""
    rounds = [[cpu_seconds(work, best_of=1) for work in works] for _ in range(TURNS)]
    return [min(taken) for taken in zip(*rounds, strict=True)]


def beside(desk: _questions.Desk, *others: Callable[[], object]) -> list[float]:
    """CPU-seconds for all questions: ours, and of each of the others."""

    def ours() -> None:
        for _ in range(AGAIN):
            desk.ours()

    ours_s, *others_s = together(ours, *others)
    return [ours_s / AGAIN, *others_s]


def decisions() -> list[Row]:
    rows: list[Row] = []
    for n_rules, goal in GOALS.items():
        desk = _questions.desk(n_rules)
        ours_s, bare_s = beside(desk, desk.bare)
        against = f"cedarpy handles, {_questions.QUESTIONS / bare_s:,.0f}/s"
        value = _questions.QUESTIONS / ours_s
        name = f"decision {n_rules:,} rules"
        rows.append(Row(name, value, UNIT, against=against, ratio=bare_s / ours_s, goal=goal))
    return [*rows, *wrapper()]


def wrapper() -> list[Row]:
    """How much longer ours takes than Cedar alone on the same few rules: less is better."""
    desk = _questions.desk(1_000)
    ours_s, sliced_s, loose_s = beside(desk, desk.sliced, desk.unchecked)
    value = _questions.QUESTIONS / ours_s
    checked, unchecked = "cedarpy on the slice, seconds by seconds", "the same without a schema"
    return [
        Row("wrapper on the slice", value, UNIT, checked, ours_s / sliced_s, "<= 1.3"),
        Row("wrapper, no schema check", value, UNIT, unchecked, ours_s / loose_s),
    ]


def temporal() -> list[Row]:
    desks = {events: _temporal.Desk(events) for events in EVENTS}
    taken = together(*(lambda desk=desk: desk.step(STEPS) for desk in desks.values()))
    rows = []
    for events, taken_s in zip(desks, taken, strict=True):
        goal = ">= 0.8" if events == EVENTS[-1] else None
        name, against = f"temporal {events:,} events", f"after {EVENTS[0]:,} events"
        rows.append(Row(name, STEPS / taken_s, UNIT, against, taken[0] / taken_s, goal))
    return rows


def traces() -> list[Row]:
    run, engine = _temporal.trace(TRACE), _temporal.engine()
    taken_s = cpu_seconds(lambda: _temporal.judge(run, engine))
    return [Row(f"trace {TRACE:,} actions", TRACE / taken_s, "actions/CPU-s")]


def peer() -> list[Row]:
    return [_beside(form, rate) for form, rate in _dogwood.peer_rates(PEER_EVENTS, 20).items()]


def _beside(form: str, rate: float) -> Row:
    """Ours, asked the one question that the peer was asked."""
    policy = _temporal.asked_as_the_peer_is(form)
    desk = _temporal.Desk(PEER_EVENTS, policy, calls=_temporal.payment)
    value = STEPS / cpu_seconds(lambda: desk.step(STEPS))
    against = f"{_dogwood.PEER}, a reference interpreter, {rate:,.0f}/s; both are exact"
    name = f"{form} after {PEER_EVENTS:,} events"
    return Row(name, value, UNIT, against, value / rate, ">= 50")


def measure(*, with_peer: bool) -> list[Row]:
    rows = [*decisions(), *temporal(), *traces()]
    extra = [*_native.rows(), *_coherence.rows(), *_reach.rows()]
    return [*rows, *(peer() if with_peer else []), *extra]


if __name__ == "__main__":
    words = sys.argv[1:]
    asked = any(words[at : at + 2] == PEER for at in range(len(words)))
    rest = [word for word in words if not (asked and word in PEER)]
    sys.exit(report("policy", measure(with_peer=asked), rest))
