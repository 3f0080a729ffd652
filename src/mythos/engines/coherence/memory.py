"""Memory of verdicts: a verdict is kept under a digest of all it depends on.

That is the tool's declaration, the rules and promises about it, the facts that these read and the
kin of those, and the version of this translation. An edit of one rule changes the keys of that
rule's tools and no others. What is recalled is believed only as far as it must be: its witnesses
are put to Cedar again, and an entry that does not read or does not replay counts as missing. That
something can never be is taken from the memory, which has to answer for its own entries.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any, Protocol

import orjson

from mythos.engines.coherence.histories import family_of
from mythos.engines.coherence.promises_kept import promises_about
from mythos.engines.coherence.shown import ReplayError, Stand, Witness
from mythos.engines.coherence.tool_verdict import ToolVerdict, from_json, to_json
from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.facts.kind import kinds_of
from mythos.engines.policy.slice import CompiledSet
from mythos.errors import MythosError
from mythos.values.digest import canonical_bytes, digest_of
from mythos.values.tools import Tool

TRANSLATION = 8  # raise whenever a verdict may come out differently
_UNREADABLE = (KeyError, IndexError, TypeError, ValueError, AttributeError)


class Memory(Protocol):
    """Bytes by key. Nothing is lost if it forgets."""

    def get(self, key: str) -> bytes | None:
        """What was kept, or None."""

    def put(self, key: str, value: bytes) -> None:
        """Keep it, if possible."""


class NoMemory:
    """Keeps nothing."""

    def get(self, key: str) -> bytes | None:  # noqa: ARG002 - a Memory
        """Nothing was kept."""
        return None

    def put(self, key: str, value: bytes) -> None:
        """Forget it."""


NO_MEMORY = NoMemory()


class Notebook:
    """Keeps all it is given for as long as it lives, before a memory that may forget."""

    def __init__(self, behind: Memory) -> None:
        """Start empty."""
        self._behind = behind
        self._kept: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        """What was kept here, or else behind."""
        return self._kept.get(key) or self._behind.get(key)

    def put(self, key: str, value: bytes) -> None:
        """Keep it in both."""
        self._kept[key] = value
        self._behind.put(key, value)


def verdict_key(engine: PolicyEngine, tool: Tool) -> str:
    """The digest of all that a verdict on one tool depends on."""
    covering = [each for each in engine.compiled if each.covers]
    read = {each.digest: _read(each, tool) for each in covering}
    families = {family_of(each.plans[name]) for each in covering for name in read[each.digest]}
    families.discard(None)
    for each in covering:
        kin = (name for name, plan in each.plans.items() if family_of(plan) in families)
        read[each.digest].update(kin)
    asked: dict[str, Any] = {
        "translation": TRANSLATION,
        "versions": _versions(),
        "tool": tool.model_dump(mode="json"),
        "domain": engine.catalogue.domain,
        "sets": [_depends(one, engine, tool, read.get(one.digest)) for one in engine.compiled],
    }
    return digest_of(canonical_bytes(asked))


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("cedarpy", "z3-solver")}


def _read(owner: CompiledSet, tool: Tool) -> set[str]:
    """The facts that rules and promises about the tool read."""
    rules = [rule for rule in owner.rules if rule.about(tool.name)]
    rules += [rule for _, rule in promises_about(owner, tool.name)]
    return {name for rule in rules for name in rule.use.facts}


def _depends(
    owner: CompiledSet, engine: PolicyEngine, tool: Tool, facts: set[str] | None
) -> dict[str, Any]:
    if facts is None:
        return {}
    rules = [rule for rule in owner.rules if rule.about(tool.name)]
    promises = promises_about(owner, tool.name)
    kinds = kinds_of(owner.policy_set, engine.catalogue)
    return {
        "guard": owner.guard,
        "rules": [[rule.id, rule.text] for rule in rules],
        "promises": [[entry.model_dump(mode="json"), rule.text] for entry, rule in promises],
        "facts": {
            name: [plan.identity, plan.form, str(plan.amounts), sorted(plan.events), *kinds[name]]
            for name in sorted(facts)
            for plan in [owner.plans[name]]
        },
    }


def remembered(memory: Memory, key: str, engine: PolicyEngine, verdict: ToolVerdict) -> None:
    """Keep a verdict."""
    sets = [each.digest for each in engine.compiled]
    memory.put(key, orjson.dumps(to_json(verdict, sets)))


def recalled(memory: Memory, key: str, engine: PolicyEngine, stand: Stand) -> ToolVerdict | None:
    """A verdict that was kept, if it reads and all it would show replays."""
    kept = memory.get(key)
    if kept is None:
        return None
    try:
        verdict = from_json(orjson.loads(kept), [each.digest for each in engine.compiled])
        shown = [role.overridden for role in verdict.roles.values()]
        shown += [role.failing for role in verdict.roles.values()]
        shown += [each.witness for each in verdict.promises.values()]
        same = all(_replays(each, stand) for each in shown if each is not None)
    except (*_UNREADABLE, ReplayError, MythosError):
        return None
    return verdict if same else None


def _replays(seen: Witness, stand: Stand) -> bool:
    again = stand.replay(seen.request)
    return (again.allowed, again.denied_by, again.permitted_by) == (
        seen.allowed,
        seen.denied_by,
        seen.permitted_by,
    )
