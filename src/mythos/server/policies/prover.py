"""One proof in a process of its own, `python -m mythos.server.policies.prover`.

It reads an order and writes the result, both as JSON on the standard streams. The solver takes
CPU-seconds and memory that a server must not spend in a request, and it may be killed at any time
without harm. Nothing here knows Django.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from pydantic import JsonValue

from mythos.engines.coherence.coherence import Coherence, check_coherence
from mythos.engines.coherence.difference import ChangedCall, Difference, compare, merged
from mythos.engines.coherence.finding import CoherenceFinding
from mythos.engines.coherence.shown import Witness
from mythos.engines.policy.check import covers
from mythos.engines.policy.compile import PolicyEngine, compile_policies
from mythos.engines.policy.expectation import expected_of
from mythos.engines.policy.identity import digest
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue

Json = dict[str, JsonValue]


def prove(order: dict[str, Any]) -> Json:
    """Carry out an order: `policy_set`, `catalogues`, and `against` for a difference.

    Raises:
        PolicyError: a set does not fit the catalogues.
        ImportError: z3 is not installed.
    """
    began = time.process_time()
    new = PolicySet.model_validate(order["policy_set"])
    tools = [ToolCatalogue.model_validate(each) for each in order["catalogues"]]
    if order.get("against"):
        old = PolicySet.model_validate(order["against"])
        result = _difference(old, new, tools)
    else:
        result = _coherence(new, tools)
    return {**result, "cpu_s": round(time.process_time() - began, 3)}


def _engines(sets: Sequence[PolicySet], tools: Iterable[ToolCatalogue]) -> list[PolicyEngine]:
    return [
        compile_policies(sets, catalogue)
        for catalogue in tools
        if any(covers(each, catalogue) for each in sets)
    ]


def _coherence(policy_set: PolicySet, tools: Iterable[ToolCatalogue]) -> Json:
    found: Coherence = check_coherence(_engines([policy_set], tools))
    name = digest(policy_set)
    return {
        "coherence": found.coherence,
        "obligations": found.n_obligations,
        "tools": found.n_proved,
        "findings": [_finding(each, name) for each in found.findings],
    }


def _finding(each: CoherenceFinding, name: str) -> Json:
    return {
        "kind": each.kind.value,
        "gravity": each.gravity.value,
        "sentence": each.sentence,
        "rules": [rule for _, rule in each.rules],
        "promise": each.promise[1] if each.promise else "",
        "witness": _witness(each.witness, name) if each.witness else None,
    }


def _witness(seen: Witness, name: str) -> Json:
    request = expected_of(seen.request, digest=name)
    return {
        "request": request.model_dump(mode="json", exclude_defaults=True),
        "allowed": seen.allowed,
        "denied_by": [rule for _, rule in seen.denied_by],
        "permitted_by": [rule for _, rule in seen.permitted_by],
    }


def _difference(old: PolicySet, new: PolicySet, tools: Iterable[ToolCatalogue]) -> Json:
    was, now = digest(old), digest(new)
    found: Difference = merged(
        [compare(each, [was], [now]) for each in _engines([old, new], tools)]
    )
    return {
        "verdict": found.verdict,
        "calls": [_call(each, was, now) for each in found.calls],
        "doubts": list(found.doubts),
    }


def _call(each: ChangedCall, was: str, now: str) -> Json:
    return {
        "change": each.change,
        "old": _witness(each.old, was),
        "new": _witness(each.new, now),
    }


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(prove(orjson.loads(sys.stdin.buffer.read()))))
