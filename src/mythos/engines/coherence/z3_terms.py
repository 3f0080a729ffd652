"""Terms in z3: each is built once in one context, by z3's C interface.

The Python layer of z3 costs some twenty times the call it wraps, and building formulas is most of
the work here. A text is an integer: constants are numbered, variables are free. Every `like` and
`member` is a Boolean of its own; what ties them together is `solver`'s care.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mythos.engines.coherence.terms import Term

if TYPE_CHECKING:
    from z3 import Context


def new_context() -> Context:
    """A z3 context; solvers that share one must stay in one thread.

    Raises:
        ImportError: z3 is not installed.
    """
    import z3  # noqa: PLC0415 - only what proves pays for it

    return z3.Context()


class Formulas:
    """Terms of one bank as formulas of one context, and the variables declared so far."""

    def __init__(self, context: Context) -> None:
        """Begin with nothing built."""
        from z3 import Ast, z3core  # noqa: PLC0415

        self.context = context
        self.ref = context.ref()
        self.variables: dict[Term, Any] = {}
        self.fresh: list[Term] = []
        self.texts: dict[str, int] = {}
        self._z3, self._ast = z3core, Ast
        self._built: dict[object, Any] = {}
        self._sorts = {
            "bool": self._kept(z3core.Z3_mk_bool_sort(self.ref)),
            "int": self._kept(z3core.Z3_mk_int_sort(self.ref)),
        }

    def _kept(self, ast: Any) -> Any:  # noqa: ANN401 - z3 ships no types
        """Count a reference: z3 frees what nobody holds. The context frees the rest."""
        self._z3.Z3_inc_ref(self.ref, ast)
        return ast

    def of(self, term: object) -> Any:  # noqa: ANN401 - z3 ships no types
        """The formula of a term or constant."""
        key = (type(term), term)
        built = self._built.get(key)
        if built is None:
            built = self._built[key] = self._kept(self._made(term))
        return built

    def number(self, text: str) -> int:
        """The number of a text constant."""
        return self.texts.setdefault(text, len(self.texts))

    def const(self, sort: str, name: str) -> Any:  # noqa: ANN401 - z3 ships no types
        """A constant of z3 with this name."""
        symbol = self._z3.Z3_mk_string_symbol(self.ref, name)
        return self._kept(self._z3.Z3_mk_const(self.ref, symbol, self._sorts[sort]))

    def implies(self, one: Any, other: Any) -> Any:  # noqa: ANN401 - z3 ships no types
        """An implication between formulas."""
        return self._kept(self._z3.Z3_mk_implies(self.ref, one, other))

    def array(self, items: Sequence[Any]) -> Any:  # noqa: ANN401 - z3 ships no types
        """A C array of formulas."""
        return (self._ast * len(items))(*items)

    def _made(self, term: object) -> Any:  # noqa: ANN401 - z3 ships no types
        z3, ref = self._z3, self.ref
        if isinstance(term, bool):
            return z3.Z3_mk_true(ref) if term else z3.Z3_mk_false(ref)
        if isinstance(term, str):
            term = self.number(term)
        if isinstance(term, int):
            return z3.Z3_mk_numeral(ref, str(term), self._sorts["int"])
        if not isinstance(term, Term):
            raise TypeError(f"no term: {term!r}")
        if term.op in {"bool", "int", "text", "like", "member"}:
            return self._variable(term)
        parts = [self.of(each) for each in term.args]
        return self._joined(term.op, parts)

    def _joined(self, op: str, parts: list[Any]) -> Any:  # noqa: ANN401 - z3 ships no types
        z3, ref = self._z3, self.ref
        several = {"and": z3.Z3_mk_and, "or": z3.Z3_mk_or, "add": z3.Z3_mk_add}
        if op in several:
            return several[op](ref, len(parts), self.array(parts))
        if op == "scale":
            return z3.Z3_mk_mul(ref, 2, self.array(parts))
        fixed = {
            "not": z3.Z3_mk_not,
            "le": z3.Z3_mk_le,
            "eq": z3.Z3_mk_eq,
            "same": z3.Z3_mk_eq,
            "div": z3.Z3_mk_div,
            "pick": z3.Z3_mk_ite,
        }
        return fixed[op](ref, *parts)

    def _variable(self, term: Term) -> Any:  # noqa: ANN401 - z3 ships no types
        sort = "bool" if term.op in {"bool", "like", "member"} else "int"
        if term.op in {"like", "member"}:
            name = f"{term.op}#{len(self.variables)}"
            for each in term.args:
                if isinstance(each, Term):
                    self.of(each)
        else:
            name = str(term.args[0])
        made = self.const(sort, name)
        self.variables[term] = self._z3.Z3_get_app_decl(
            self.ref, self._z3.Z3_to_app(self.ref, made)
        )
        self.fresh.append(term)
        return made
