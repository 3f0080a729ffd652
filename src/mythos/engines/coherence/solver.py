"""The solver: whether terms can hold together, with a concrete assignment or a reason why not.

A model is first guessed (`guess`); z3 is asked where none was found, and it alone says that there
is none. z3 knows texts as numbers and every `like` and `member` as a Boolean, which keeps its
queries small. After each model it is asked here whether real texts and sets can be like that: if
not, the least reason becomes a lemma and z3 looks again. Lemmas stay in the solver that learned
them. A model is returned only after every asserted and assumed term was computed under it and held;
the limit on the work is z3's own count of steps, so the same question has the same answer anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from mythos.engines.coherence import globs
from mythos.engines.coherence.compiled import Checks
from mythos.engines.coherence.draft import Variables
from mythos.engines.coherence.guess import Guesses
from mythos.engines.coherence.terms import Bank, Bool, Evaluation, Pattern, Term, matches
from mythos.engines.coherence.z3_terms import Formulas, new_context

if TYPE_CHECKING:
    from z3 import Context

Model: TypeAlias = "dict[str, bool | int | str | frozenset[int | str]]"
_Signs: TypeAlias = "Mapping[Pattern, tuple[Term, bool]]"
"""By pattern: the text that is asked for it, and whether it matches."""
NOTHING_USUAL: Mapping[str, int | str] = {}
MAX_LEMMA_ROUNDS = 2_000
MAX_STEPS = 20_000_000  # z3's "rlimit" for one query, some ten seconds


class UndecidedError(Exception):
    """The solver gave up, or a model did not hold; says why."""


class Solver:
    """Decides questions about the terms of one bank. Owns its z3 solver and its lemmas."""

    def __init__(
        self,
        bank: Bank,
        *,
        bounds: Callable[[str], tuple[int, int]],
        usual: Mapping[str, int | str] = NOTHING_USUAL,
        context: Context | None = None,
    ) -> None:
        """Begin with nothing asserted.

        Args:
            bank: whose terms are asked about.
            bounds: the least and greatest value of each integer variable, by its name.
            usual: values of some variables, by name, where any will do.
            context: a z3 context to share; by default one of its own, made when z3 is first asked.
        """
        self._context = context
        self._bank, self._bounds = bank, bounds
        self._checks = Checks()
        self._guesses = Guesses(bank, Variables(bank.sorts, bounds, usual), self._checks)
        self._asserted: list[Bool] = []
        self._literals: dict[Term, Any] = {}
        self._likes: dict[Term, dict[Pattern, Term]] = {}
        self._members: dict[str, list[Term]] = {}
        self._texts: list[Term] = []
        self._refuted: tuple[Bool, ...] | None = None
        self._begun = False
        self.n_queries = self.n_lemmas = self.n_guesses = 0

    def require(self, term: Bool) -> None:
        """Assert a term for every question from now on."""
        if term is True:
            return
        self._asserted.append(term)
        if self._begun:
            self._add(self._formulas.of(term))

    def model(self, *terms: Bool) -> Model | None:
        """An assignment under which all terms hold together with what was required.

        z3 is asked only if none is found without it.

        Returns:
            The assignment; None if there is none.

        Raises:
            UndecidedError: the solver gave up.
            ImportError: z3 is needed, and not installed.
        """
        if any(term is False for term in (*self._asserted, *terms)):
            return self.searched(*terms)
        self._refuted = None
        wanted = [term for term in terms if isinstance(term, Term)]
        guessed = self._guesses.model(self._all_with(wanted))
        if guessed is None:
            return self.searched(*terms)
        self.n_guesses += 1
        return guessed

    def searched(self, *terms: Bool) -> Model | None:
        """The same, by z3 alone."""
        if any(term is False for term in terms):
            return None
        if not self._begun:
            self._begin()
        wanted = [term for term in terms if isinstance(term, Term)]
        literals = [self._literal(term) for term in wanted]
        self._refuted = None
        for _ in range(MAX_LEMMA_ROUNDS):
            raw = self._check(literals)
            if raw is None:
                self._refuted = terms
                return None
            model = self._settled(raw)
            if model is not None:
                return self._verified(model, wanted)
        raise UndecidedError(f"no answer after {MAX_LEMMA_ROUNDS} lemmas about texts")

    def _begin(self) -> None:
        """Make z3's solver, which takes longer than many a question."""
        import z3  # noqa: PLC0415 - only what proves pays for it

        context = self._context or new_context()
        self._solver = z3.SimpleSolver(ctx=context)
        self._solver.set("rlimit", MAX_STEPS)
        self._z3 = z3.z3core
        self._formulas = Formulas(context)
        self._begun = True
        for term in tuple(self._asserted):
            self._add(self._formulas.of(term))

    def core(self, terms: Sequence[Bool]) -> list[Bool] | None:
        """Terms that cannot hold together with what was required; None if all of them can.

        Returns:
            A subset of `terms` from which none can be left out.

        Raises:
            UndecidedError: the solver gave up.
        """
        if self._refuted != tuple(terms) and self.model(*terms) is not None:
            return None
        kept = self._told_core(terms)
        for each in tuple(kept):
            rest = [other for other in kept if other is not each]
            if self.model(*rest) is None:
                kept = rest
        return kept

    def _told_core(self, terms: Sequence[Bool]) -> list[Bool]:
        """The terms that z3 used to refute the last question; any superset would do."""
        if any(not isinstance(term, Term) for term in terms):
            return list(terms)
        ref, z3 = self._formulas.ref, self._z3
        vector = z3.Z3_solver_get_unsat_core(ref, self._solver.solver)
        z3.Z3_ast_vector_inc_ref(ref, vector)
        used = {
            z3.Z3_get_ast_id(ref, z3.Z3_ast_vector_get(ref, vector, n))
            for n in range(z3.Z3_ast_vector_size(ref, vector))
        }
        z3.Z3_ast_vector_dec_ref(ref, vector)
        ids = [(term, self._literals[term]) for term in terms if isinstance(term, Term)]
        return [term for term, literal in ids if z3.Z3_get_ast_id(ref, literal) in used]

    def _add(self, formula: Any) -> None:  # noqa: ANN401 - z3 ships no types
        self._z3.Z3_solver_assert(self._formulas.ref, self._solver.solver, formula)
        self._bind_fresh()

    def _bind_fresh(self) -> None:
        """Note the variables that were met for the first time, and bound the integers."""
        while self._formulas.fresh:
            term = self._formulas.fresh.pop()
            if term.op == "like":
                text, pattern = term.args
                self._likes.setdefault(text, {})[pattern] = term  # type: ignore[arg-type, index]
            elif term.op == "member":
                self._members.setdefault(str(term.args[0]), []).append(term)
            elif term.op == "text":
                self._texts.append(term)
            elif term.op == "int":
                low, high = self._bounds(str(term.args[0]))
                self.require(self._bank.between(low, term, high))

    def _literal(self, term: Term) -> Any:  # noqa: ANN401 - z3 ships no types
        literal = self._literals.get(term)
        if literal is None:
            formula = self._formulas.of(term)
            literal = self._formulas.const("bool", f"literal#{len(self._literals)}")
            self._literals[term] = literal
            self._add(self._formulas.implies(literal, formula))
        return literal

    def _check(self, literals: list[Any]) -> Any | None:  # noqa: ANN401 - z3 ships no types
        ref, solver = self._formulas.ref, self._solver.solver
        self.n_queries += 1
        answer = self._z3.Z3_solver_check_assumptions(
            ref, solver, len(literals), self._formulas.array(literals)
        )
        if answer == -1:
            return None
        if answer != 1:
            why = self._z3.Z3_solver_get_reason_unknown(ref, solver)
            raise UndecidedError(f"the solver gave up: {why}")
        return self._read()

    def _read(self) -> dict[Term, int]:
        """Every variable's value in z3's model; what it left open is 0, or no text constant."""
        ref, z3 = self._formulas.ref, self._z3
        model = z3.Z3_solver_get_model(ref, self._solver.solver)
        z3.Z3_model_inc_ref(ref, model)
        values: dict[Term, int] = {}
        for term, declaration in self._formulas.variables.items():
            value = z3.Z3_model_get_const_interp(ref, model, declaration)
            if not value:
                values[term] = -1 - len(values) if term.op == "text" else 0
            elif term.op in {"int", "text"}:
                values[term] = int(z3.Z3_get_numeral_string(ref, value))
            else:
                values[term] = int(z3.Z3_get_bool_value(ref, value) == 1)
        z3.Z3_model_dec_ref(ref, model)
        return values

    def _settled(self, raw: dict[Term, int]) -> Model | None:
        """Real texts and sets for z3's numbers; None if there are none, and a lemma says why."""
        texts = self._real_texts(raw)
        if texts is None:
            return None
        model: Model = {}
        for term, value in raw.items():
            if term.op == "text":
                model[str(term.args[0])] = texts[term]
            elif term.op == "int":
                model[str(term.args[0])] = value
            elif term.op == "bool":
                model[str(term.args[0])] = bool(value)
        return model if self._fill_sets(raw, model) else None

    def _real_texts(self, raw: dict[Term, int]) -> dict[Term, str] | None:
        constants = {number: text for text, number in self._formulas.texts.items()}
        classes: dict[int, list[Term]] = {}
        for term in self._texts:
            classes.setdefault(raw[term], []).append(term)
        found: dict[Term, str] = {}
        taken = set(self._formulas.texts)
        sound = True
        for number, terms in classes.items():
            text = self._real_text(terms, constants.get(number), raw, taken)
            if text is None:
                sound = False
            else:
                taken.add(text)
                found.update(dict.fromkeys(terms, text))
        return found if sound else None

    def _real_text(
        self, terms: list[Term], constant: str | None, raw: dict[Term, int], taken: set[str]
    ) -> str | None:
        """A text for variables that are equal; None after a lemma says why there is none."""
        signs: dict[Pattern, tuple[Term, bool]] = {}
        for term in terms:
            for pattern, atom in self._likes.get(term, {}).items():
                holds = bool(raw[atom])
                if constant is not None:
                    if matches(pattern, constant) is not holds:
                        self._learn_constant(term, constant)
                        return None
                elif signs.setdefault(pattern, (term, holds))[1] is not holds:
                    self._learn_equal(term, signs[pattern][0])
                    return None
        if constant is not None:
            return constant
        return self._example(signs, taken)

    def _example(self, signs: _Signs, taken: set[str]) -> str | None:
        signed = [(pattern, holds) for pattern, (_, holds) in signs.items()]
        if clashes := globs.clashes(signed):
            for reason in clashes:
                self._learn_reason(reason, (), signs)
            return None
        try:
            text = globs.example(signed, taken)
            if text is None:
                self._learn_impossible(signed, signs)
        except globs.TooManyStatesError:
            raise UndecidedError("patterns too entangled to tell whether a text fits") from None
        return text

    def _learn(self, lemma: Bool) -> None:
        self.n_lemmas += 1
        self._add(self._formulas.of(lemma))

    def _learn_constant(self, term: Term, constant: str) -> None:
        """A text that is this constant matches what the constant matches."""
        bank = self._bank
        each = [
            atom if matches(pattern, constant) else bank.not_(atom)
            for pattern, atom in self._likes[term].items()
        ]
        self._learn(bank.implies(bank.same(term, constant), bank.and_(*each)))

    def _learn_equal(self, one: Term, other: Term) -> None:
        """Equal texts match alike."""
        bank = self._bank
        shared = [pattern for pattern in self._likes[one] if pattern in self._likes[other]]
        each = [bank.iff(self._likes[one][key], self._likes[other][key]) for key in shared]
        self._learn(bank.implies(bank.same(one, other), bank.and_(*each)))

    def _learn_impossible(self, signed: list[globs.Signed], signs: _Signs) -> None:
        """No text, or only a few that have names, matches these patterns and not those."""
        taken = tuple(self._formulas.texts)
        reason = globs.core(signed, taken)
        if globs.example(reason, taken) is not None:
            raise UndecidedError("too few texts fit the patterns")
        named = [text for text in taken if globs.fits(text, reason)]
        self._learn_reason(reason, named, signs)

    def _learn_reason(
        self, reason: Sequence[globs.Signed], named: Sequence[str], signs: _Signs
    ) -> None:
        """Whatever text has these signs is one of those that are named.

        Said of every text that is asked for all of them, else of the equal texts that have them
        between them.
        """
        asked = [
            dict.fromkeys((pattern for pattern, _ in reason), text)
            for text, atoms in self._likes.items()
            if all(pattern in atoms for pattern, _ in reason)
        ]
        for texts in asked or [{pattern: signs[pattern][0] for pattern, _ in reason}]:
            self._learn_of(texts, reason, named)

    def _learn_of(
        self,
        texts: Mapping[Pattern, Term],
        reason: Sequence[globs.Signed],
        named: Sequence[str],
    ) -> None:
        """The same of one text, or of texts that are equal: `texts` says whose pattern each is."""
        bank, first = self._bank, next(iter(texts.values()))
        equal = [bank.same(first, other) for other in dict.fromkeys(texts.values())]
        atoms = [(self._likes[texts[pattern]][pattern], holds) for pattern, holds in reason]
        has = [atom if holds else bank.not_(atom) for atom, holds in atoms]
        one_of = [bank.same(first, name) for name in named]
        self._learn(bank.or_(bank.not_(bank.and_(*equal, *has)), *one_of))

    def _fill_sets(self, raw: Mapping[Term, int], model: Model) -> bool:
        """The members of each set; False after a lemma says that equal elements are one."""
        sound = True
        values = Evaluation(model)
        for name, atoms in self._members.items():
            seen: dict[object, Term] = {}
            for atom in atoms:
                first = seen.setdefault(values.of(atom.args[1]), atom)  # type: ignore[arg-type]
                if raw[first] != raw[atom]:
                    self._learn(self._same_member(first, atom))
                    sound = False
            members = (values.of(atom.args[1]) for atom in atoms if raw[atom])  # type: ignore[arg-type]
            model[name] = frozenset(members)
        return sound

    def _same_member(self, one: Term, other: Term) -> Bool:
        bank, (a, b) = self._bank, (one.args[1], other.args[1])
        texts = isinstance(a, str) or (isinstance(a, Term) and a.op == "text")
        same = bank.same(a, b) if texts else bank.equal(a, b)  # type: ignore[arg-type]
        return bank.implies(same, bank.iff(one, other))

    def _all_with(self, wanted: Iterable[Term]) -> list[Term]:
        return [*(each for each in self._asserted if isinstance(each, Term)), *wanted]

    def _verified(self, model: Model, wanted: Sequence[Term]) -> Model:
        if self._checks.wrong(self._all_with(wanted), model) is not None:
            raise UndecidedError("internal: the solver's model does not hold")
        return model
