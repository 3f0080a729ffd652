"""What is wrong with a policy set, and where: gathered first, raised once.

A `Problem` knows its line within the rules; `Places` knows where the rules stand in the file. The
two are apart because a `PolicySet` outlives its file: compiled on a node, its lines are all it has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mythos.errors import DocumentError, PolicyError
from mythos.values.json_text import raw_length
from mythos.values.marks import Path
from mythos.values.source import Document


@dataclass(frozen=True, slots=True)
class Problem:
    """One objection: to the rules (`line`, `column` from 1), a `fact`, or what stands at `path`.

    A path leads from the top of the document.
    """

    line: int
    column: int
    message: str
    remedy: str
    fact: str = ""
    path: Path = ()


@dataclass(frozen=True, slots=True)
class Places:
    """Where a policy set's rules and facts stand.

    `first_line` is the file's line that holds line 1 of the rules. `verbatim` says that the rules
    stand line by line in the file (a YAML block after `|`), `indent` that they are indented so far.
    Else `literal` is the JSON string that holds them, from its opening quote, which `indent`
    characters of its line precede; without that, every rule is placed at `first_line`.
    """

    source: str
    first_line: int = 1
    indent: int = 0
    verbatim: bool = True
    literal: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    document: Document | None = field(default=None, compare=False, repr=False)

    def of(self, problem: Problem) -> str:
        """`source:line:column` of a problem."""
        if problem.path:
            return self.part(problem.path)
        if problem.fact:
            return self.facts.get(problem.fact, f"{self.source}, fact {problem.fact}")
        return self.rule(problem.line, problem.column)

    def part(self, path: Path) -> str:
        """`source:line:column` of the part of the document at a path."""
        if self.document is None:
            return f"{self.source}, {'/'.join(map(str, path))}"
        return self.document.where(path)

    def part_line(self, path: Path) -> int:
        """The file's line on which that part begins; 0 if that is not known."""
        place = self.part(path).removeprefix(f"{self.source}:")
        line = place.partition(":")[0]
        return int(line) if line.isdecimal() else 0

    def rule(self, line: int, column: int = 1) -> str:
        """`source:line:column` of a place given by its line and column within the rules."""
        if self.verbatim:
            return f"{self.source}:{self.first_line + line - 1}:{column + self.indent}"
        if self.literal:
            return f"{self.source}:{self.first_line}:{self.indent + self._raw(line, column)}"
        return f"{self.source}:{self.first_line}"

    def line(self, line: int) -> int:
        """The file's line that holds a line of the rules."""
        return self.first_line + line - 1 if self.verbatim else self.first_line

    def fact_line(self, name: str) -> int:
        """The file's line on which a fact is declared; 0 if that is not known."""
        place = self.facts.get(name, "").removeprefix(f"{self.source}:")
        return int(place.partition(":")[0] or 0)

    def _raw(self, line: int, column: int) -> int:
        """The column, from 1 within the literal, of a place within the rules."""
        lines = json.loads(self.literal).split("\n")
        before = sum(len(each) + 1 for each in lines[: line - 1]) + column - 1
        return raw_length(self.literal, before) + 1


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
    raise together([PolicyError(p.message, remedy=p.remedy, where=places.of(p)) for p in problems])


def together(errors: Sequence[DocumentError]) -> DocumentError:
    """One error for all objections to a policy set: the only one as it is, several as a list."""
    apart = tuple(one for error in errors for one in error.each)
    if len(apart) == 1:
        return apart[0]
    lines = (f"  {one.where}: {one.message}; {one.remedy}" for one in apart)
    return PolicyError(
        "\n".join((f"{len(apart)} problems", *lines)),
        remedy="correct each place listed",
        where=apart[0].where,
        parts=apart,
    )
