"""The verdict on one tool, and its JSON form, in which policy sets are known by their place.

A digest changes with every edit of a policy set; what was proved of one tool's rules does not. So
a stored verdict numbers the sets, and is read back with the digests that they have by then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from mythos.engines.coherence.promises_kept import Kept, PromiseKey
from mythos.engines.coherence.shown import RuleKey, Witness
from mythos.engines.coherence.sweep import Role
from mythos.engines.policy.course import Course
from mythos.engines.policy.facts.known import ABSENT
from mythos.engines.policy.request import Origin, Request
from mythos.engines.policy.signals import Signals


@dataclass(frozen=True, slots=True)
class ToolVerdict:
    """What the rules about one tool do, and how the promises about it fare."""

    roles: Mapping[RuleKey, Role]
    promises: Mapping[PromiseKey, Kept]


def to_json(verdict: ToolVerdict, sets: Sequence[str]) -> dict[str, Any]:
    """The verdict as JSON; `sets` are digests in their order."""
    place = {digest: number for number, digest in enumerate(sets)}
    return {
        "roles": [[*_key(key, place), _role(role, place)] for key, role in verdict.roles.items()],
        "promises": [
            [*_key(key, place), kept.status, kept.doubt, _seen(kept.witness, place)]
            for key, kept in verdict.promises.items()
        ],
    }


def _key(key: tuple[str, str], place: Mapping[str, int]) -> list[Any]:
    return [place[key[0]], key[1]]


def _role(role: Role, place: Mapping[str, int]) -> dict[str, Any]:
    plain = {
        name: value
        for name, value in asdict(role).items()
        if name not in {"because", "overridden", "failing"}
    }
    return plain | {
        "because": [_key(key, place) for key in role.because],
        "overridden": _seen(role.overridden, place),
        "failing": _seen(role.failing, place),
    }


def _seen(witness: Witness | None, place: Mapping[str, int]) -> dict[str, Any] | None:
    if witness is None:
        return None
    request = witness.request
    return {
        "agent": request.agent,
        "tool": request.tool,
        "arguments": request.arguments,
        "facts": [
            [place[owner], {n: v for n, v in facts.items() if v is not ABSENT}]
            for owner, facts in request.facts.items()
        ],
        "absent": [
            [place[owner], name]
            for owner, facts in request.facts.items()
            for name, value in facts.items()
            if value is ABSENT
        ],
        "licensed": request.licensed,
        "origins": {sink: [str(o) for o in each] for sink, each in request.origins.items()},
        "now_ns": str(request.now_ns),  # the year 9999 needs more than 64 bits
        "depth": request.depth,
        "signals": _signals(request.signals),
        "allowed": witness.allowed,
        "denied_by": [_key(key, place) for key in witness.denied_by],
        "permitted_by": [_key(key, place) for key in witness.permitted_by],
        "failed": [[*_key(key, place), why] for key, why in witness.failed],
    }


def _signals(signals: Signals) -> dict[str, Any]:
    links = {link: [str(o) for o in each] for link, each in (signals.links or {}).items()}
    return asdict(replace(signals, links=None)) | {"links": links}


def from_json(stored: Mapping[str, Any], sets: Sequence[str]) -> ToolVerdict:
    """Read a verdict back.

    Raises:
        KeyError, IndexError, TypeError, ValueError: it is none.
    """
    return ToolVerdict(
        {(sets[place], rule): _read_role(role, sets) for place, rule, role in stored["roles"]},
        {
            (sets[place], name): Kept(status, _read_seen(seen, sets), doubt)
            for place, name, status, doubt, seen in stored["promises"]
        },
    )


def _keys(stored: Sequence[Any], sets: Sequence[str]) -> tuple[RuleKey, ...]:
    return tuple((sets[place], rule) for place, rule in stored)


def _read_role(stored: Mapping[str, Any], sets: Sequence[str]) -> Role:
    return Role(
        **{
            **stored,
            "because": _keys(stored["because"], sets),
            "overridden": _read_seen(stored["overridden"], sets),
            "failing": _read_seen(stored["failing"], sets),
        }
    )


def _read_signals(stored: Mapping[str, Any]) -> Signals:
    links = {link: frozenset(map(Origin, each)) for link, each in stored["links"].items()}
    return Signals(**{**stored, "links": links, "course": Course(**stored["course"])})


def _read_seen(stored: Mapping[str, Any] | None, sets: Sequence[str]) -> Witness | None:
    if stored is None:
        return None
    facts: dict[str, dict[str, Any]] = {sets[place]: dict(each) for place, each in stored["facts"]}
    for place, name in stored["absent"]:
        facts[sets[place]][name] = ABSENT
    request = Request(
        agent=stored["agent"],
        tool=stored["tool"],
        arguments=stored["arguments"],
        facts=facts,
        licensed=stored["licensed"],
        origins={s: frozenset(map(Origin, each)) for s, each in stored["origins"].items()},
        now_ns=int(stored["now_ns"]),
        depth=stored["depth"],
        signals=_read_signals(stored["signals"]),
    )
    return Witness(
        request,
        stored["allowed"],
        denied_by=_keys(stored["denied_by"], sets),
        permitted_by=_keys(stored["permitted_by"], sets),
        failed=tuple(((sets[place], rule), why) for place, rule, why in stored["failed"]),
    )
