"""Sentences of coherence findings: what was found of which rule, and what MythOS does about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mythos.engines.coherence.charges import ChangedCharge, ChangedNotes
from mythos.engines.coherence.shown import RuleKey, Witness
from mythos.engines.coherence.sweep import Role
from mythos.engines.policy.rule import Rule

_MOST_NAMED = 3


def named(keys: Iterable[RuleKey], names: Mapping[str, str]) -> str:
    """Rules by policy set and id, the first few of many."""
    every = [f"{names.get(digest, digest)}/{rule}" for digest, rule in dict.fromkeys(keys)]
    more = len(every) - _MOST_NAMED
    shown = ", ".join(every[:_MOST_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown


def idle_sentence(
    rule: Rule, found: Sequence[Role], because: Sequence[RuleKey], names: Mapping[str, str]
) -> str:
    """Why a rule decides nothing."""
    if not any(each.acts for each in found):
        return f"rule {rule.id} can never match: its condition is never true"
    by = f" by {named(because, names)}" if because else ""
    if rule.permits and not any(each.open for each in found):
        return f"every call that rule {rule.id} permits is forbidden{by}"
    if rule.permits:
        return f"rule {rule.id} changes no decision: what it permits is permitted anyway{by}"
    still = _still(rule, found)
    if not any(each.open for each in found):
        return f"rule {rule.id} changes no decision: nothing permits what it forbids; {still}"
    return f"rule {rule.id} changes no decision: what it forbids is denied anyway{by}; {still}"


def _still(rule: Rule, found: Sequence[Role]) -> str:
    """What a `forbid` without which all is decided alike is still good for."""
    if any(each.names for each in found):
        return f"it still names the violation (severity {rule.severity.value})"
    return "a louder rule names the violation"


def charge_sentence(each: ChangedCharge) -> str:
    """How loud a denial was and is."""
    was, now = (severity.value for severity in each.severities)
    tool = each.new.request.tool
    return f"{each.change}: a call of {tool} is denied by both, {was} before, {now} now"


def notes_sentence(each: ChangedNotes) -> str:
    """What else a rule says when it denies."""
    was, now = each.old, each.new
    told = []
    if was.severity is not now.severity:
        told.append(f"severity {was.severity.value} → {now.severity.value}")
    if was.explanation != now.explanation:
        told.append("another explanation")
    return f"rule {each.policy_set}/{now.id}: {', '.join(told)}"


def override_sentence(rule: Rule, cut: Witness, names: Mapping[str, str]) -> str:
    """What a `forbid` cuts from what others permit."""
    permits = named(cut.permitted_by, names)
    return f"rule {rule.id} forbids some of what {permits} permits; deny wins, as guards are meant"


def failing_sentence(rule: Rule, why: str) -> str:
    """That a rule can fail, and what follows."""
    if rule.permits:
        return f"rule {rule.id} can fail to evaluate ({why}); then it permits nothing"
    return (
        f"rule {rule.id} can fail to evaluate ({why}); Cedar would skip it and allow the call, "
        "MythOS denies it"
    )


def broken_sentence(name: str, broken: Witness, names: Mapping[str, str]) -> str:
    """Which rules break a promise."""
    if broken.allowed:
        by = f", permitted by {named(broken.permitted_by, names)}" if broken.permitted_by else ""
        return f"the promise {name!r} is broken: this call is allowed{by}"
    by = named(broken.denied_by, names)
    return f"the promise {name!r} is broken: this call is denied" + (
        f" by {by}" if by else ", for no rule permits it"
    )
