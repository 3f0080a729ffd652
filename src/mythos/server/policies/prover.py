"""One proof in a process of its own, `python -m mythos.server.policies.prover`.

It reads an order and writes the result, both as JSON on the standard streams. The solver takes
CPU-seconds and memory that a server must not spend in a request, and it may be killed at any time
without harm. Nothing here knows Django.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from difflib import unified_diff
from typing import Any

import orjson
from pydantic import JsonValue

from mythos.adapters.baseline import baseline_digest
from mythos.engines.coherence.charges import ChangedCharge, charges, joined
from mythos.engines.coherence.coherence import Coherence, check_coherence
from mythos.engines.coherence.difference import ChangedCall, Difference, compare, merged
from mythos.engines.coherence.finding import CoherenceFinding
from mythos.engines.coherence.memory import NO_MEMORY, Notebook
from mythos.engines.coherence.shown import Witness
from mythos.engines.coherence.suggest.suggest import Suggestion, suggested_changes
from mythos.engines.coherence.wording import charge_sentence, notes_sentence
from mythos.engines.policy.check import covers
from mythos.engines.policy.compile import PolicyEngine, compile_policies
from mythos.engines.policy.expectation import expected_of
from mythos.engines.policy.identity import digest
from mythos.engines.policy.signals import PARTS, Signals, signal_parts
from mythos.engines.policy.written import written
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue

SUGGEST_UNTIL_S = 60  # CPU-seconds; half of what a proof may take

Json = dict[str, JsonValue]
_SIGNALS = {"sinks", "asked", "links", "run", "repeats"}


def prove(order: dict[str, Any]) -> Json:
    """Carry out an order: `policy_sets`, `catalogues`, and `against` for a difference.

    Several policy sets are proved together, and each rule is then named `set/rule`.

    Raises:
        PolicyError: a set does not fit the catalogues.
        ImportError: z3 is not installed.
    """
    began = time.process_time()
    sets = [PolicySet.model_validate(each) for each in order["policy_sets"]]
    tools = [ToolCatalogue.model_validate(each) for each in order["catalogues"]]
    if order.get("against"):
        old = PolicySet.model_validate(order["against"])
        result = _difference(old, sets[0], tools)
    else:
        result = _coherence(sets, tools)
    return {**result, "cpu_s": round(time.process_time() - began, 3)}


def _engines(sets: Sequence[PolicySet], tools: Iterable[ToolCatalogue]) -> list[PolicyEngine]:
    return [
        compile_policies(sets, catalogue)
        for catalogue in tools
        if any(covers(each, catalogue) for each in sets)
    ]


def _coherence(sets: Sequence[PolicySet], tools: Iterable[ToolCatalogue]) -> Json:
    engines, memory = _engines(sets, tools), Notebook(NO_MEMORY)
    found: Coherence = check_coherence(engines, memory=memory)
    names = {digest(each): each.policy_set for each in sets}
    suggested = suggested_changes(
        engines, found, memory=memory, goes_on=lambda: time.process_time() < SUGGEST_UNTIL_S
    )
    return {
        "coherence": found.coherence,
        "obligations": found.n_obligations,
        "tools": found.n_proved,
        "findings": [_finding(each, names) for each in found.findings],
        "suggested_changes": [
            _suggestion(each, names)
            for each in suggested.suggestions
            if baseline_digest() not in each.after  # it is the same for every catalogue
        ],
    }


def _suggestion(each: Suggestion, names: Mapping[str, str]) -> Json:
    """A change with what it does to all calls, and the rules before and after as a diff."""
    return {
        "kind": each.change.kind.value,
        "sentence": each.change.sentence,
        "effect": each.difference.verdict,
        "rules": [_named(rule, names) for rule in (*each.change.rules, *each.change.added)],
        "raises": [one.sentence for one in each.raises],
        "coherence_after": each.coherence,
        "patch": "".join(
            line
            for name, edited in each.after.items()
            for line in unified_diff(
                written(each.before[name]).splitlines(keepends=True),
                written(edited).splitlines(keepends=True),
                f"{names[name]}.yaml",
                f"{names[name]}.yaml",
                n=2,
            )
        ),
    }


def _finding(each: CoherenceFinding, names: Mapping[str, str]) -> Json:
    return {
        "kind": each.kind.value,
        "gravity": each.gravity.value,
        "obligation": each.obligation[0],
        "sentence": each.sentence,
        "names": each.names,
        "rules": [_named(rule, names) for rule in each.rules],
        "promise": _named(each.promise, names) if each.promise else "",
        "witness": _witness(each.witness, names) if each.witness else None,
    }


def _witness(seen: Witness, names: Mapping[str, str]) -> Json:
    return {
        "request": _request(seen, names),
        "allowed": seen.allowed,
        "denied_by": [_named(rule, names) for rule in seen.denied_by],
        "permitted_by": [_named(rule, names) for rule in seen.permitted_by],
    }


def _request(seen: Witness, names: Mapping[str, str]) -> Json:
    """The call; of several sets, each fact under its set's name."""
    told = [expected_of(seen.request, digest=each) for each in names]
    request = told[0].model_dump(mode="json", exclude_defaults=True, exclude=_SIGNALS)
    if len(names) > 1 and any(each.past for each in told):
        request["past"] = {
            f"{name}/{fact}": value
            for name, each in zip(names.values(), told, strict=True)
            for fact, value in each.model_dump(mode="json")["past"].items()
        }
    return {**request, **_signals(seen.request.signals)}


def _signals(signals: Signals) -> Json:
    """What the run shows around the call, where it shows anything."""
    found: Json = {}
    for part, values in signal_parts(PARTS, signals, {}).items():
        each = values.items() if isinstance(values, dict) else [("", values)]
        found |= {f"{part}.{name}".rstrip("."): value for name, value in each if value}
    return found


def _named(key: tuple[str, str], names: Mapping[str, str]) -> str:
    """A rule or promise, with its set where there are several."""
    owner, name = key
    return name if len(names) == 1 else f"{names[owner]}/{name}"


def _difference(old: PolicySet, new: PolicySet, tools: Iterable[ToolCatalogue]) -> Json:
    was, now = digest(old), digest(new)
    engines = _engines([old, new], tools)
    found: Difference = merged([compare(each, [was], [now]) for each in engines])
    loud = joined([charges(each, [was], [now]) for each in engines])
    return {
        "verdict": found.verdict,
        "calls": [_call(each, was, now) for each in found.calls],
        "doubts": list(found.doubts),
        "charges": {
            "rules": [notes_sentence(each) for each in loud.rules],
            "calls": [
                {**_call(each, was, now), "sentence": charge_sentence(each)} for each in loud.calls
            ],
            "doubts": list(loud.doubts),
        },
    }


def _call(each: ChangedCall | ChangedCharge, was: str, now: str) -> Json:
    return {
        "change": each.change,
        "old": _witness(each.old, {was: ""}),
        "new": _witness(each.new, {now: ""}),
    }


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(prove(orjson.loads(sys.stdin.buffer.read()))))
