"""Witnesses as commands show them: a request in a few lines, and what was decided of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mythos.cli.source_lines import call_line, file_lines, marked_line, plain, shortened

if TYPE_CHECKING:
    from mythos.engines.coherence.shown import RuleKey, Witness
    from mythos.engines.policy.compile import PolicyEngine
    from mythos.engines.policy.document import PolicyDocument
    from mythos.engines.policy.facts.known import Known
    from mythos.engines.policy.rule import Rule
    from mythos.values.expected import ExpectedRequest

_NOTHING = (False, 0, "0.0000")
"""Values of facts that tell of nothing that happened."""
_SIGNALS = {"sinks", "asked", "links", "run", "repeats"}


class Sets:
    """The documents that were read, by the digest of their policy set, and what decides by them."""

    def __init__(self, documents: Iterable[PolicyDocument], engines: list[PolicyEngine]) -> None:
        """Index them; `engines` hold them all, one for each catalogue."""
        from mythos.engines.policy.identity import digest

        self.engines = engines
        self._documents = {digest(each.policy_set): each for each in documents}
        self._lines: dict[str, list[str]] = {}

    def name(self, digest: str) -> str:
        """The policy set's own name."""
        return self._documents[digest].policy_set.policy_set

    def title(self, digest: str) -> str:
        """The policy set's name and version, and of two that share both a part of the digest."""
        policy_set = self._documents[digest].policy_set
        title = f"{policy_set.policy_set} v{policy_set.version}"
        every = (each.policy_set for each in self._documents.values())
        named = ((each.policy_set, each.version) for each in every)
        alike = list(named).count((policy_set.policy_set, policy_set.version))
        return title if alike == 1 else f"{title} {digest[7:15]}"

    def about(self, digest: str, tool: str) -> list[Rule]:
        """Its rules about a tool, and the conditions of its promises about it."""
        from mythos.engines.policy.expectation_check import read_promise

        document = self._documents[digest]
        wanted = (each for each in document.policy_set.expect if each.request is None)
        promised = (rule for rule, _ in map(read_promise, wanted) if rule)
        return [rule for rule in (*document.rules, *promised) if rule.about(tool)]

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
    """The request in full, what was decided of it, and how to keep it as a test."""
    return {
        "request": request_json(witness, sets),
        "expect": expect_json(witness, sets),
        **_decided(witness, sets),
    }


def versions_json(old: Witness, new: Witness, sets: Sets) -> dict[str, Any]:
    """One request, and what two versions decide of it."""
    return {
        "request": request_json(new, sets),
        "expect": expect_json(new, sets),
        "old": _decided(old, sets),
        "new": _decided(new, sets),
    }


def _decided(witness: Witness, sets: Sets) -> dict[str, Any]:
    return {
        "decision": _word(witness),
        "denied_by": [sets.as_json(key) for key in witness.denied_by],
        "permitted_by": [sets.as_json(key) for key in witness.permitted_by],
        "failed": [{**sets.as_json(key), "why": why} for key, why in witness.failed],
        "misfits": list(witness.misfits),
    }


def expect_json(witness: Witness, sets: Sets) -> list[dict[str, Any]]:
    """For each document the `expect` entry that says what its set alone decides of the request."""
    from mythos.engines.policy.kept_call import kept_call

    found = []
    for owner in witness.request.facts:
        document = sets.document(owner)
        entry = kept_call(witness.request, document.policy_set, sets.engines)
        if entry is not None:
            told = {"policy_set": sets.title(owner), "file": document.places.source}
            body = entry.model_dump(mode="json", exclude_defaults=True)
            found.append({**told, "entry": body})
    return found


def request_json(witness: Witness, sets: Sets) -> dict[str, Any]:
    """The request, with facts by the name of their policy set; those that are absent are left out.

    Its keys are those of an `expect` entry's `request`, but facts are told for every set. Two
    versions of one set are told as one, and each in `past_by_version` where they differ.
    """
    from mythos.engines.policy.expectation import expected_of

    request = witness.request
    told = {owner: expected_of(request, digest=owner).past for owner in request.facts}
    past: dict[str, dict[str, Any]] = {}
    for owner, facts in told.items():
        past.setdefault(sets.name(owner), {}).update(facts)
    differ = any(facts != past[sets.name(owner)] for owner, facts in told.items())
    by_version = {sets.title(owner): facts for owner, facts in told.items()}
    body = expected_of(request, digest="").model_dump(mode="json", exclude_none=True)
    return {**body, "past": past, **({"past_by_version": by_version} if differ else {})}


def witness_lines(witness: Witness, sets: Sets) -> Iterator[str]:
    """The request as far as anything about its tool reads it, then the decision."""
    from mythos.engines.policy.expectation import expected_of

    request = witness.request
    yield f"  call     {call_line(request.tool, request.arguments)}"
    facts = list(_told_facts(witness, sets))
    if facts:
        yield f"  facts    {', '.join(facts)}"
    about = (rule for rules in _about(witness, sets).values() for rule in rules)
    parts = {part for rule in about for part in rule.use.parts}
    if request.origins and parts & {"origin", "sinks"}:
        shown_origins = (f"{sink}={next(iter(each))}" for sink, each in request.origins.items())
        yield f"  origin   {', '.join(shown_origins)}"
    others = {"licensed": request.licensed, "depth": request.depth}
    told = [f"{name}={value}" for name, value in others.items() if name in parts]
    if request.agent != "agent":
        told.append(f"agent={shortened(request.agent)}")
    expected = expected_of(request, digest="")
    loud = loud_signals(expected)
    told.extend(f"{name}={loud[name]}" for name in loud if name.partition(".")[0] in parts)
    if "now" in parts:
        told.append(f"now={expected.model_dump(mode='json')['now']}")
    if told:
        yield f"  and      {', '.join(told)}"
    yield f"  decision {decision_line(witness, sets)}"


def _told_facts(witness: Witness, sets: Sets) -> Iterator[str]:
    """The facts that a rule or promise about the tool reads, and those that tell of anything.

    One that two versions of a set declare otherwise is told of each.
    """
    rules = _about(witness, sets)
    told: dict[str, dict[str, str]] = {}
    for owner, known in witness.request.facts.items():
        read = {name for rule in rules[owner] for name in rule.use.facts}
        shown = _facts(known)
        for name in known:
            if name in read or shown.get(name, False) not in _NOTHING:
                value = shortened(shown[name]) if name in shown else "absent"
                told.setdefault(name, {})[sets.title(owner)] = value
    for name, values in told.items():
        one = len(set(values.values())) == 1
        yield from (
            f"{name}={value}" if one else f"{name}={value} ({title})"
            for title, value in list(values.items())[: 1 if one else None]
        )


def _about(witness: Witness, sets: Sets) -> dict[str, list[Rule]]:
    """The rules and the conditions of promises about the tool, by the digest of their set."""
    return {owner: sets.about(owner, witness.request.tool) for owner in witness.request.facts}


def decision_line(witness: Witness, sets: Sets) -> str:
    """What was decided, and by which rules."""
    keys = witness.permitted_by if witness.allowed else witness.denied_by
    by = ", ".join(f"{sets.name(digest)}/{rule}" for digest, rule in keys[:3])
    more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    if by:
        return f"{_word(witness)} by {by}{more}"
    if witness.misfits:
        return f"deny: its arguments do not fit: {plain(witness.misfits[0])}"
    return "allow: nothing forbids it" if witness.allowed else "deny: no rule permits it"


def _word(witness: Witness) -> str:
    return "allow" if witness.allowed else "deny"


def loud_signals(expected: ExpectedRequest) -> dict[str, Any]:
    """The signals that are not silent, such as `run.untrusted`, as rules read them."""
    said = expected.model_dump(mode="json", include=_SIGNALS, exclude_defaults=True)
    return {
        f"{part}.{name}".removesuffix("."): value
        for part, values in said.items()
        for name, value in (values.items() if isinstance(values, dict) else [("", values)])
    }


def _facts(known: Mapping[str, Known]) -> dict[str, Any]:
    from mythos.engines.policy.facts.known import ABSENT

    return {name: _plain(value) for name, value in known.items() if value is not ABSENT}


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict) and isinstance(extension := value.get("__extn"), dict):
        return extension["arg"]  # a decimal or a time as Cedar writes it
    return value
