"""Guesses: models of terms that are found without a solver, by drafts that are repaired.

What every model has to be like is settled first: the atoms that no choice hangs on. Then, round by
round, a term that does not hold under the draft is settled too. A draft under which all terms hold
is a model; that none was found says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mythos.engines.coherence.compiled import Checks
from mythos.engines.coherence.draft import Draft, Value, Variables
from mythos.engines.coherence.terms import Bank, Term

MAX_ROUNDS = 16


class Guesses:
    """Guesses models of the terms of one bank; keeps what it learned of them."""

    def __init__(self, bank: Bank, variables: Variables, checks: Checks) -> None:
        """Begin with nothing learned."""
        self._bank, self._variables, self._checks = bank, variables, checks
        self._atoms: dict[Term, tuple[tuple[Term, bool], ...]] = {}
        self._lucky: dict[Term, int] = {}

    def model(self, terms: Sequence[Term]) -> dict[str, Value] | None:
        """Values under which all terms hold; None says nothing."""
        draft = Draft(self._variables, self._lucky)
        for name in sorted(frozenset[str]().union(*map(self._bank.names_in, terms))):
            draft.meet(name)
        for term in terms:
            for atom, want in self._needed(term):
                if not draft.settle(atom, want=want):
                    return None
        for _ in range(MAX_ROUNDS):
            wrong = self._checks.wrong(terms, draft.values)
            if wrong is None:
                return draft.values if draft.in_bounds else None
            if not draft.settle(wrong):
                return None
        return None

    def _needed(self, term: Term) -> tuple[tuple[Term, bool], ...]:
        found = self._atoms.get(term)
        if found is None:
            found = self._atoms[term] = tuple(_atoms(term, want=True))
        return found


def _atoms(term: object, *, want: bool) -> Iterator[tuple[Term, bool]]:
    """Atoms, each with the value that it has wherever the term has the one that is wanted."""
    if not isinstance(term, Term):
        return
    if term.op == "not":
        yield from _atoms(term.args[0], want=not want)
    elif term.op not in {"and", "or"}:
        yield term, want
    elif (term.op == "and") is want:
        for each in term.args:
            yield from _atoms(each, want=want)
