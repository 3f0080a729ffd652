"""What a policy set leaves empty: it would load, and do nothing or something else than it says."""

from __future__ import annotations

from collections.abc import Iterator

from mythos.engines.policy.cedar_text import plain_newlines, split_rules
from mythos.engines.policy.problem import Problem
from mythos.values.marks import Path
from mythos.values.policy import PolicySet

_EVENTS = ("once", "since", "count", "of")
_REMEDIES = {
    "by": "name an argument, or remove `by`",
    "since": "name an event, or remove `since`",
}


def empty_parts(policy_set: PolicySet) -> Iterator[Problem]:
    """Rules, tools, events and keys that are written and say nothing."""
    if policy_set.covers.tools in ("", ()):
        yield _at(
            ("covers", "tools"),
            "`covers` names no catalogue, so the set would govern nothing",
            "name a domain, or leave `covers` out to govern every tool",
        )
    for name, fact in policy_set.facts.items():
        for key in (*_EVENTS, "by"):
            if getattr(fact, key, None) in ("", ()):
                remedy = _REMEDIES.get(key, "name a tool, or user.message or user.confirm")
                message = f"fact {name!r}: `{key}` is empty"
                yield _at(("facts", name, key), message, remedy)
    for number, entry in enumerate(policy_set.expect):
        if entry.actions in ("", ()):
            yield _at(
                ("expect", number, "actions"),
                f"expect {entry.name!r}: `actions` is empty",
                "name a tool, or leave `actions` out to mean every tool",
            )
    if split_rules(plain_newlines(policy_set.rules)) == ((), ()):
        yield _at(
            ("rules",),
            "there is no rule, so the set would allow every call",
            'write one, such as @id("none") forbid (principal, action, resource);',
        )


def _at(path: Path, message: str, remedy: str) -> Problem:
    return Problem(0, 0, message, remedy, path=path)
