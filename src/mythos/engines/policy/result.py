"""Results: which rules permitted and which denied in one evaluation, whoever evaluated it.

Cedar skips a `forbid` that fails to evaluate; here it denies. A request that Cedar cannot evaluate
permits nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import cedarpy

from mythos.engines.policy.slice import Member

_FAILED = re.compile(r"error while evaluating policy `(policy[0-9]+)`: (.*)", re.DOTALL)


class Result(NamedTuple):
    """One evaluation: rules that permitted, rules that denied, and why rules failed.

    `broken` says why there was no evaluation at all.
    """

    allowed: bool
    permitting: tuple[Member, ...] = ()
    denying: tuple[Member, ...] = ()
    failures: tuple[tuple[Member, str], ...] = ()
    broken: str = ""


def result_of(
    hits: Iterable[Member], failures: tuple[tuple[Member, str], ...] = (), *, permitted: bool
) -> Result:
    """The result of rules that matched and rules that failed.

    Args:
        hits: rules that matched.
        failures: rules that failed, and why.
        permitted: whether the call is permitted even if no `permit` is among the hits.
    """
    permitting: list[Member] = []
    denying: list[Member] = []
    for member in hits:
        (permitting if member.rule.permits else denying).append(member)
    if denying:
        permitting.clear()
    denying += [member for member, _ in failures if not member.rule.permits]
    allowed = not denying and (permitted or bool(permitting))
    return Result(allowed, tuple(permitting), tuple(denying), failures)


def read_answer(answer: cedarpy.AuthzResult, members: Mapping[str, Member]) -> Result:
    """The result of an answer of Cedar.

    Args:
        answer: what `cedarpy.is_authorized` said.
        members: the rules that it was asked about, by the name that Cedar gives them.
    """
    decision, diagnostics = answer.decision, answer.diagnostics
    failures: tuple[tuple[Member, str], ...] = ()
    if decision is cedarpy.Decision.NoDecision or diagnostics.errors:
        matches = [(_FAILED.fullmatch(text), text) for text in diagnostics.errors]
        broken = [text for match, text in matches if match is None]
        if decision is cedarpy.Decision.NoDecision or broken:
            return Result(allowed=False, broken="; ".join(broken) or "no decision")
        failures = tuple((members[m.group(1)], m.group(2)) for m, _ in matches if m)
    hits = [members[name] for name in diagnostics.reasons if name in members]
    return result_of(hits, failures, permitted=decision is cedarpy.Decision.Allow)


def with_matched(result: Result, matched: list[Member], *, only_guards: bool) -> Result:
    """The result if some rules that were set aside had matched."""
    if result.broken:
        return result
    denying = (*result.denying, *(m for m in matched if not m.rule.permits))
    permitting = (*result.permitting, *(m for m in matched if m.rule.permits))
    allowed = not denying and (only_guards or bool(permitting))
    return result._replace(allowed=allowed, permitting=permitting, denying=denying)
