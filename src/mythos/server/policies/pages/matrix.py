"""The coherence matrix: every rule against its obligations and against every `forbid`.

A row is a rule: does it ever decide a call, does it always evaluate, and how does it meet each
`forbid`. A cell says that the `forbid` cuts what a `permit` allows (override), that the row decides
nothing because of the column or the other way round (idle), or that both speak of one tool; an
empty cell, that no tool is common to them. What a finding says is named by the finding's number,
so that a reader is one click from its sentence and its call. Up to 60 rules all are shown, beyond
that those that a finding names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from mythos.engines.policy.rule import Rule
from mythos.server.policies.pages.finding import FindingShown

MAX_RULES, MAX_COLUMNS = 60, 40
Meeting = Literal["override", "idle", "meet", "self", ""]
Kept = Literal["yes", "no", "names", "undecided"]


@dataclass(frozen=True, slots=True)
class RuleNamed:
    """A rule as the page names it, in which policy set it stands, and where it is read."""

    name: str
    digest: str
    rule: Rule

    @property
    def address(self) -> str:
        """The rule's own place on the page of its policy set."""
        id_ = quote(self.rule.id, safe="")
        return f"/policies/{self.digest}?rule={id_}#rule-{id_}"


@dataclass(frozen=True, slots=True)
class Obligation:
    """Whether a rule does what every rule must; `finding` is 0 where nothing was found.

    One that only `names` decides nothing that would not be decided alike without it, and violations
    are charged to it all the same.
    """

    kept: Kept
    finding: int = 0
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """How the rule of a row meets the `forbid` of a column."""

    meeting: Meeting
    finding: int = 0
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A `forbid`: its name, and its id alone, which is short enough to stand over a column."""

    rule: str
    id: str


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One rule, its two obligations, and a cell for each column."""

    rule: str
    effect: str
    address: str
    decides: Obligation
    evaluates: Obligation
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rules against obligations and forbids; `left_out` rules and columns are not shown."""

    forbids: tuple[Column, ...]
    rows: tuple[MatrixRow, ...]
    left_out: int
    forbids_left_out: int


def matrix_of(rules: Sequence[RuleNamed], findings: Sequence[FindingShown]) -> Matrix:
    """Every rule against its obligations and against every `forbid`.

    Args:
        rules: those of all sets that were proved together, in the order of their texts.
        findings: what was found, with rules under the names of `rules`.
    """
    shown = list(rules)
    if len(shown) > MAX_RULES:
        named = {rule for each in findings for rule in each.rules}
        shown = [each for each in shown if each.name in named][:MAX_RULES]
    forbids = [each for each in shown if not each.rule.permits]
    columns = forbids[:MAX_COLUMNS]
    return Matrix(
        forbids=tuple(Column(each.name, each.rule.id) for each in columns),
        rows=tuple(_row(each, columns, findings) for each in shown),
        left_out=len(rules) - len(shown),
        forbids_left_out=len(forbids) - len(columns),
    )


def _row(
    row: RuleNamed, columns: Iterable[RuleNamed], findings: Sequence[FindingShown]
) -> MatrixRow:
    about = [each for each in findings if row.name in each.rules or _met(each, row.name)]
    own = [each for each in about if each.rules[:1] == (row.name,)]
    return MatrixRow(
        rule=row.name,
        effect=row.rule.effect,
        address=row.address,
        decides=_obligation(own, "decides"),
        evaluates=_obligation(own, "evaluates"),
        cells=tuple(_cell(row, each, about) for each in columns),
    )


def _obligation(own: Iterable[FindingShown], name: str) -> Obligation:
    for each in own:
        if each.obligation == name and each.kind != "override":
            kept: Kept = "names" if each.names else "no"
            if each.kind == "undecided":
                kept = "undecided"
            return Obligation(kept, each.number, each.sentence)
    return Obligation("yes")


def _cell(row: RuleNamed, column: RuleNamed, about: Iterable[FindingShown]) -> Cell:
    if row.name == column.name:
        return Cell("self")
    for each in about:
        if each.kind == "nullified" and _idle(each, row.name, column.name):
            return Cell("idle", each.number, each.sentence)
    for each in about:
        if row.rule.permits and each.kind == "override" and _cuts(each, row.name, column.name):
            return Cell("override", each.number, each.sentence)
    return Cell("meet" if row.rule.permits and _share_a_tool(row.rule, column.rule) else "")


def _idle(finding: FindingShown, one: str, other: str) -> bool:
    """Whether one of two rules decides nothing because of the other."""
    idle, because = finding.rules[:1], finding.rules[1:]
    return (one in idle and other in because) or (other in idle and one in because)


def _cuts(finding: FindingShown, permit: str, forbid: str) -> bool:
    return _met(finding, permit) and _met(finding, forbid)


def _met(finding: FindingShown, name: str) -> bool:
    call = finding.call
    return call is not None and (name in call.denied_by or name in call.permitted_by)


def _share_a_tool(one: Rule, other: Rule) -> bool:
    if one.actions is None or other.actions is None:
        return True
    return bool(one.actions & other.actions)
