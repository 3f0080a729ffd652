"""Witnesses as commands show them: a request in a few lines, and what was decided of it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mythos.cli.source_lines import call_line, file_lines, marked_line, plain, shortened

if TYPE_CHECKING:
    from mythos.engines.coherence.shown import RuleKey, Witness
    from mythos.engines.policy.document import PolicyDocument
    from mythos.engines.policy.facts.known import Known
    from mythos.engines.policy.rule import Rule
    from mythos.engines.policy.signals import Signals


class Sets:
    """The documents that were read, by the digest of their policy set."""

    def __init__(self, documents: Iterable[PolicyDocument]) -> None:
        """Index them."""
        from mythos.engines.policy.identity import digest

        self._documents = {digest(each.policy_set): each for each in documents}
        self._lines: dict[str, list[str]] = {}

    def name(self, digest: str) -> str:
        """The policy set's own name."""
        return self._documents[digest].policy_set.policy_set

    def document(self, digest: str) -> PolicyDocument:
        """Where the policy set was read."""
        return self._documents[digest]

    def rule(self, key: RuleKey) -> Rule:
        """A rule by its key."""
        digest, name = key
        return next(each for each in self._documents[digest].rules if each.id == name)

    def as_json(self, key: RuleKey) -> dict[str, Any]:
        """A rule with its place."""
        places = self._documents[key[0]].places
        line = places.line(self.rule(key).line)
        name = self.name(key[0])
        return {"policy_set": name, "rule": key[1], "file": places.source, "line": line}

    def lines(self, key: RuleKey) -> Iterator[str]:
        """The rule's place and the line it begins on."""
        places = self._documents[key[0]].places
        rule = self.rule(key)
        yield f"  {self.name(key[0])}/{key[1]}  {plain(places.rule(rule.line))}"
        if places.source not in self._lines:
            self._lines[places.source] = file_lines(places.source)
        yield from marked_line(self._lines[places.source], places.line(rule.line), 0)


def witness_json(witness: Witness, sets: Sets) -> dict[str, Any]:
    """The request in full and what was decided of it."""
    return {
        "request": request_json(witness, sets),
        "decision": _word(witness),
        "denied_by": [sets.as_json(key) for key in witness.denied_by],
        "permitted_by": [sets.as_json(key) for key in witness.permitted_by],
        "failed": [{**sets.as_json(key), "why": why} for key, why in witness.failed],
    }


def request_json(witness: Witness, sets: Sets) -> dict[str, Any]:
    """The request, with facts by the name of their policy set; those that are absent are left out.

    Its keys are those of an `expect` entry's `request`, but facts are told for every set. Two
    versions of one set are told as one.
    """
    from datetime import UTC, datetime

    request = witness.request
    past: dict[str, dict[str, Any]] = {}
    for owner, known in request.facts.items():
        past.setdefault(sets.name(owner), {}).update(_facts(known))
    at = datetime.fromtimestamp(request.now_ns / 10**9, UTC)
    return {
        "tool": request.tool,
        "agent": request.agent,
        "arguments": dict(request.arguments or {}),
        "past": past,
        "licensed": request.licensed,
        "origins": {sink: str(*each) for sink, each in request.origins.items()},
        "now": f"{at:%Y-%m-%dT%H:%M:%S}Z",
        "depth": request.depth,
        "signals": _signals(request.signals),
    }


def witness_lines(witness: Witness, sets: Sets) -> Iterator[str]:
    """The request as it matters to the rules that took part, then the decision."""
    request = witness.request
    yield f"  call     {call_line(request.tool, request.arguments)}"
    read = _read(witness, sets)
    facts = [
        f"{name}={'absent' if name not in shown else shortened(shown[name])}"
        for owner, known in request.facts.items()
        for shown in [_facts(known)]
        for name in known
        if (owner, name) in read
    ]
    parts = {part for key in _taking_part(witness) for part in sets.rule(key).use.parts}
    if facts:
        yield f"  facts    {', '.join(facts)}"
    if request.origins and parts & {"origin", "sinks"}:
        shown_origins = (f"{sink}={next(iter(each))}" for sink, each in request.origins.items())
        yield f"  origin   {', '.join(shown_origins)}"
    others = {"licensed": request.licensed, "depth": request.depth}
    told = [f"{name}={value}" for name, value in others.items() if name in parts]
    if request.agent != "agent":
        told.append(f"agent={shortened(request.agent)}")
    told.extend(_loud(request.signals, parts))
    if "now" in parts:
        told.append(f"now={request_json(witness, sets)['now']}")
    if told:
        yield f"  and      {', '.join(told)}"
    yield f"  decision {decision_line(witness, sets)}"


def decision_line(witness: Witness, sets: Sets) -> str:
    """What was decided, and by which rules."""
    keys = witness.permitted_by if witness.allowed else witness.denied_by
    by = ", ".join(f"{sets.name(digest)}/{rule}" for digest, rule in keys[:3])
    more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    if by:
        return f"{_word(witness)} by {by}{more}"
    return "allow: nothing forbids it" if witness.allowed else "deny: no rule permits it"


def _signals(signals: Signals) -> dict[str, Any]:
    """What the run shows around the call, as rules read it."""
    from mythos.engines.policy.signals import PARTS, is_referred, signal_parts

    return {
        **signal_parts(PARTS, signals, {}),
        "sinks": {"referred": is_referred(signals, {})},
    }


def _word(witness: Witness) -> str:
    return "allow" if witness.allowed else "deny"


def _taking_part(witness: Witness) -> Sequence[RuleKey]:
    return (*witness.denied_by, *witness.permitted_by)


def _read(witness: Witness, sets: Sets) -> set[tuple[str, str]]:
    return {(key[0], name) for key in _taking_part(witness) for name in sets.rule(key).use.facts}


def _loud(signals: Signals, parts: Container[str]) -> Iterator[str]:
    """The signals among these parts that are not silent."""
    for part, values in _signals(signals).items():
        if part not in parts:
            continue
        for name, value in values.items() if isinstance(values, dict) else [("", values)]:
            if value:
                yield f"{part}.{name}={value}".replace(".=", "=")


def _facts(known: Mapping[str, Known]) -> dict[str, Any]:
    from mythos.engines.policy.facts.known import ABSENT

    return {name: _plain(value) for name, value in known.items() if value is not ABSENT}


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict) and isinstance(extension := value.get("__extn"), dict):
        return extension["arg"]  # a decimal or a time as Cedar writes it
    return value
