"""The rules of a policy set as they were written, each with what it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mythos.engines.policy.rule import Rule, read_rules
from mythos.errors import NotFoundError
from mythos.server.policies.pages.outcomes import Counts, Place, RuleOutcomes
from mythos.server.web.paging import Paged, pages_of, rows_on
from mythos.values.outcome import DEFAULT_RULE, INVALID_ARGUMENTS, NO_CATALOGUE, UNDECLARED_TOOL

PER_PAGE = 40
MAX_LINES = 80
MAX_PLACES = 6
_UNWRITTEN = {
    DEFAULT_RULE: "No rule of the text permits the call, so Cedar denies it.",
    UNDECLARED_TOOL: "The tool is not declared in the run's catalogue, so every set denies it.",
    INVALID_ARGUMENTS: "The arguments do not fit what the tool declares, so every set denies it.",
    NO_CATALOGUE: "No tool catalogue fits the run, so nothing can be decided.",
}


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One line of the rules, numbered from 1 within them."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class RuleShown:
    """One rule: verbatim text, what it is about, and the calls counted under it.

    `effect` is empty for the rules that no text holds (`default` and its like). `tools` None is
    every tool.
    """

    id: str
    effect: str
    severity: str
    explanation: str
    tools: tuple[str, ...] | None
    lines: tuple[RuleLine, ...]
    counts: Counts
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleList(Paged):
    """One page of rules in the order of the text; `loud` are those that found something."""

    rows: tuple[RuleShown, ...]
    loud: tuple[RuleShown, ...]
    total: int
    permits: int
    forbids: int


@lru_cache(maxsize=64)
def read(rules: str) -> tuple[Rule, ...]:
    """The well-formed rules of a text; documents never change, so one reading serves all."""
    return read_rules(rules)[0]


def rules_shown(
    rules: Sequence[Rule], found: Mapping[str, RuleOutcomes], *, page: int, wanted: str
) -> RuleList:
    """Lay out rules a page at a time.

    Args:
        rules: all rules of the set, in the order of its text.
        found: outcomes by rule.
        page: which page.
        wanted: a rule to be shown; the page that holds it wins over `page`.

    Raises:
        NotFoundError: neither the text nor any outcome knows the wanted rule.
    """
    ids = [rule.id for rule in rules]
    if wanted and wanted not in {*ids, *found, *_UNWRITTEN}:
        raise NotFoundError(
            f"this policy set has no rule {wanted[:80]!r}",
            remedy="choose one of the rules on its page, or another version of the set",
        )
    if wanted in ids:
        page = ids.index(wanted) // PER_PAGE + 1
    here = rows_on(rules, page, limit=PER_PAGE)
    shown = {rule.id: _rule(rule, found.get(rule.id)) for rule in _about(rules, here, found)}
    unwritten = {name: _unwritten(name, found[name]) for name in found if name not in set(ids)}
    loud = [each for each in (*shown.values(), *unwritten.values()) if _is_loud(each)]
    return RuleList(
        rows=tuple(shown[rule.id] for rule in here),
        loud=tuple(sorted(loud, key=_loudness)),
        total=len(rules),
        permits=sum(rule.permits for rule in rules),
        forbids=sum(not rule.permits for rule in rules),
        page=page,
        pages=pages_of(len(rules), limit=PER_PAGE),
    )


def _about(
    rules: Sequence[Rule], here: Sequence[Rule], found: Mapping[str, RuleOutcomes]
) -> list[Rule]:
    near = {rule.id for rule in here}
    return [rule for rule in rules if rule.id in near or rule.id in found]


def _rule(rule: Rule, found: RuleOutcomes | None) -> RuleShown:
    lines = rule.text.splitlines()
    shown = [RuleLine(rule.line + at, text) for at, text in enumerate(lines[:MAX_LINES])]
    if len(lines) > MAX_LINES:
        shown.append(RuleLine(rule.line + MAX_LINES, f"… {len(lines) - MAX_LINES} lines more"))
    return RuleShown(
        id=rule.id,
        effect=rule.effect,
        severity=rule.severity.value,
        explanation=rule.explanation,
        tools=None if rule.actions is None else tuple(sorted(rule.actions)),
        lines=tuple(shown),
        counts=found.counts if found else Counts(),
        places=found.places if found else (),
    )


def _unwritten(name: str, found: RuleOutcomes) -> RuleShown:
    return RuleShown(
        id=name,
        effect="",
        severity=found.severity.value,
        explanation=_UNWRITTEN.get(name, "The text of this version holds no such rule."),
        tools=None,
        lines=(),
        counts=found.counts,
        places=found.places,
    )


def _is_loud(rule: RuleShown) -> bool:
    return bool(rule.counts.denied or rule.counts.undecidable)


def _loudness(rule: RuleShown) -> tuple[int, int, int, str]:
    return -rule.counts.violated, -rule.counts.blocked, -rule.counts.undecidable, rule.id
