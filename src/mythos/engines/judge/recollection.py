"""Recollection: what earlier runs left for facts that reach beyond one run (scope `agent`).

One host's agents share one. A run reads it while it is judged and adds to it when it closes, so a
run sees what was committed before it closed. What claims to lie more than five minutes ahead of the
host's clock is not taken in.
"""

from __future__ import annotations

import orjson

from mythos.engines.judge.rulebook import Rulebook
from mythos.engines.policy.facts.history import History
from mythos.engines.policy.facts.recall import read_into, written

NS = 10**9
AHEAD_NS = 300 * NS


class Recollection:
    """Histories by catalogue domain. Owned by the judge of one host."""

    def __init__(self, rulebook: Rulebook) -> None:
        """Begin without memories, for the facts of a rulebook."""
        self._past = {
            domain: History([p for p in engine.plans if p.scope == "agent"], engine.catalogue)
            for domain, engine in rulebook.engines.items()
        }

    def past(self, domain: str) -> History | None:
        """What is remembered for the tools of a domain."""
        return self._past.get(domain)

    def commit(self, domain: str, history: History, *, now_ns: int) -> None:
        """Add what a closed run did.

        Args:
            domain: of the run's tool catalogue.
            history: the run's.
            now_ns: the host's clock, Unix nanoseconds.
        """
        past = self._past.get(domain)
        if past is not None:
            past.absorb(history, until_ns=now_ns + AHEAD_NS)

    def restore(self, line: str) -> None:
        """Remember what `line_of` wrote; what no rulebook reads any more is left aside."""
        kept = orjson.loads(line)
        past = self._past.get(kept["domain"])
        if past is not None:
            read_into(past, kept["facts"])


def line_of(domain: str, history: History, *, now_ns: int) -> str:
    """What a host must keep of a closed run; empty if nothing reaches beyond it."""
    kept = History(
        [log.plan for log in history.logs().values() if log.plan.scope == "agent"],
        history.catalogue,
    )
    kept.absorb(history, until_ns=now_ns + AHEAD_NS)
    facts = written(kept)
    return orjson.dumps({"domain": domain, "facts": facts}).decode() if facts else ""
