"""What is wrong with a policy set, and where: gathered first, raised once.

A `Problem` knows its line within the rules; `Places` knows where the rules stand in the file. The
two are apart because a `PolicySet` outlives its file: compiled on a node, its lines are all it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mythos.errors import PolicyError


@dataclass(frozen=True, slots=True)
class Problem:
    """One objection to the rules (`line`, `column` from 1) or, with `fact`, to a declared fact."""

    line: int
    column: int
    message: str
    remedy: str
    fact: str = ""


@dataclass(frozen=True, slots=True)
class Places:
    """Where a policy set's rules and facts stand.

    `first_line` is the file's line that holds line 1 of the rules. `verbatim` says that the rules
    stand line by line in the file (a YAML block after `|`); else every rule is placed at
    `first_line`. `indent` is how far the block is indented.
    """

    source: str
    first_line: int = 1
    indent: int = 0
    verbatim: bool = True
    facts: Mapping[str, str] = field(default_factory=dict)

    def of(self, problem: Problem) -> str:
        """`source:line:column` of a problem."""
        if problem.fact:
            return self.facts.get(problem.fact, f"{self.source}, fact {problem.fact}")
        return self.rule(problem.line, problem.column)

    def rule(self, line: int, column: int = 1) -> str:
        """`source:line:column` of a place given by its line and column within the rules."""
        if not self.verbatim:
            return f"{self.source}:{self.first_line}"
        return f"{self.source}:{self.first_line + line - 1}:{column + self.indent}"


def places_by_name(policy_set: str) -> Places:
    """Places for a policy set whose file is not at hand: lines count within its rules."""
    return Places(source=f"policy set {policy_set}, rules")


def refuse(problems: Sequence[Problem], places: Places) -> None:
    """Raise every problem as one error; nothing when there is none.

    Raises:
        PolicyError: its `where` is the first place, its message names them all.
    """
    if not problems:
        return
    first = problems[0]
    if len(problems) == 1:
        raise PolicyError(first.message, remedy=first.remedy, where=places.of(first))
    lines = (f"  {places.of(each)}: {each.message}; {each.remedy}" for each in problems)
    raise PolicyError(
        "\n".join((f"{len(problems)} problems", *lines)),
        remedy="correct each place listed",
        where=places.of(first),
    )
