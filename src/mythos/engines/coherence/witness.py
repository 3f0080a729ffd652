"""Witnesses: a model made a concrete request, as small as it stays one, and put to Cedar.

The model is first made plainer, one variable at a time, for as long as all it was to show still
holds: optional arguments go, numbers shrink. Then MythOS decides the request with the same rules,
and only a decision that agrees makes it a witness; nothing else is ever shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import count, islice
from typing import cast

from pydantic import JsonValue

from mythos.engines.coherence.domain import NOW_MS, undeclared
from mythos.engines.coherence.environment import RequestEnvironment
from mythos.engines.coherence.held import as_number, elements_of, plain_text, sized
from mythos.engines.coherence.numbers import written
from mythos.engines.coherence.solver import Model, UndecidedError
from mythos.engines.coherence.symbols import NUMBERS, Type
from mythos.engines.coherence.terms import Bool, Evaluation, Term
from mythos.engines.policy.arguments import cedar_arguments
from mythos.engines.policy.course import Course
from mythos.engines.policy.facts.known import ABSENT, FactValue
from mythos.engines.policy.origin_name import STRANGE
from mythos.engines.policy.request import Origin, Request
from mythos.engines.policy.shape import arguments_shape
from mythos.engines.policy.signals import Signals

_SAID = (
    "asked.deletion",
    "asked.elsewhere",
    "sinks.referred",
    "run.model_changed",
    "run.tools_changed",
    "run.untrusted",
)


def witness(environment: RequestEnvironment, model: Model, shown: Iterable[Bool]) -> Request:
    """A small request that is as the model says.

    Args:
        environment: of the call.
        model: from a solver of that environment.
        shown: terms that hold under the model and are to hold of the request.

    Returns:
        A request of which everything is known; its arguments fit if anything governs its tool.

    Raises:
        UndecidedError: what the model says no such arguments can say.
    """
    request = _Reading(environment, plainer(environment, model, shown)).request()
    tool = environment.tool
    _, misfits = cedar_arguments(arguments_shape(tool.parameters), request.arguments or {})
    if misfits and environment.sets:
        raise UndecidedError(f"no call that fits what {tool.name} declares was found: {misfits[0]}")
    return request


def plainer(environment: RequestEnvironment, model: Model, shown: Iterable[Bool]) -> Model:
    """A model under which the same terms hold, with less in it."""
    terms = [t for t in (*environment.domain, *shown) if isinstance(t, Term)]
    uses: dict[str, list[Term]] = {}
    for term in terms:
        for name in environment.bank.names_in(term):
            uses.setdefault(name, []).append(term)
    found = dict(model)
    for name in sorted(found, key=lambda each: (not each.endswith("?"), each)):
        before = found[name]
        for value in _simpler(environment, name, before):
            found[name] = value
            values = Evaluation(found)
            if all(values.holds(term) for term in uses.get(name, ())):
                break
        else:
            found[name] = before
    return found


def _simpler(
    environment: RequestEnvironment, name: str, value: object
) -> Iterator[bool | int | str | frozenset[int | str]]:
    """Values to try before the one there is, best first."""
    if value is True and name.endswith("?"):
        yield False
    elif isinstance(value, str) and name == "agent":
        yield "agent"
    elif isinstance(value, str) and name in environment.limits.shapes:
        yield from sized(environment.limits.shapes[name], value)
    elif isinstance(value, frozenset):
        yield frozenset()
    elif isinstance(value, int) and not isinstance(value, bool):
        low, high = environment.bounds(name)
        unit = 10_000 if environment.symbols.numbers.get(name) == "decimal" else 1
        sign = -1 if value < 0 else 1
        tried = [NOW_MS] if name == "now" else [0, unit, -unit]
        tried += [sign * 10**power * unit for power in range(1, 5)]
        tried += [value - value % 10_000] if unit > 1 else []
        yield from (each for each in tried if low <= each <= high and abs(each) < abs(value))


class _Reading:
    """Reads a model as a request."""

    def __init__(self, environment: RequestEnvironment, model: Mapping[str, object]) -> None:
        self._environment, self._model = environment, model
        self._values = Evaluation(cast("Model", model))
        self._shapes = environment.limits.shapes

    def request(self) -> Request:
        environment = self._environment
        first = environment.contexts[environment.sets[0].digest] if environment.sets else None
        arguments = self._record(first.fields["input"], "input") if first else {}
        undeclared = self._undeclared(arguments)
        return Request(
            agent=str(self._model.get("agent", "agent")),
            tool=environment.tool.name,
            arguments=arguments | dict.fromkeys(undeclared, "x"),
            facts={each.digest: self._facts(each.digest) for each in environment.sets},
            licensed=bool(self._model.get("licensed", True)),
            origins=self._origins() | undeclared,
            now_ns=self._number("now", NOW_MS) * 10**6,
            depth=self._number("depth", 0),
            signals=self._signals(),
        )

    def _signals(self) -> Signals:
        """What the run shows around the call; a link for each origin that some link has."""
        said = {name: self._said(name) for name in _SAID}
        return Signals(
            deletion=said["asked.deletion"],
            elsewhere=said["asked.elsewhere"],
            referred=said["sinks.referred"],
            links={
                f"https://{origin}.example": frozenset({origin})
                for origin in Origin
                if self._said(f"links.{origin}")
            },
            course=Course(
                calls=self._number("run.calls", 0),
                repeats=self._number("repeats", 0),
                tokens=self._number("run.tokens", 0),
                model_changed=said["run.model_changed"],
                tools_changed=said["run.tools_changed"],
            ),
            untrusted=said["run.untrusted"],
        )

    def _said(self, name: str) -> bool:
        return bool(self._model.get(name, False))

    def _number(self, path: str, default: int) -> int:
        value = self._model.get(path)
        if isinstance(value, int):
            return value
        low, high = self._environment.bounds(path)
        return min(max(default, low), high)

    def _record(self, kind: Type, path: str) -> dict[str, JsonValue]:
        return {
            name: self._argument(inner, f"{path}.{name}")
            for name, inner in kind.fields.items()
            if name in kind.required or self._model.get(f"{path}.{name}?")
        }

    def _argument(self, kind: Type, path: str) -> JsonValue:
        match kind.kind:
            case "Bool":
                return bool(self._model.get(path, False))
            case "String":
                return str(self._model.get(path, plain_text(self._shapes.get(path))))
            case "Record":
                return self._record(kind, path)
            case "Set":
                return self._set(kind.element, path)
            case "decimal":
                return as_number(self._number(path, 0))
            case _:
                return self._number(path, 0)

    def _set(self, element: Type | None, path: str) -> list[JsonValue]:
        """Members that the model names; without any, one that no rule names unless it is empty."""
        members = cast("frozenset[int | str]", self._model.get(path, frozenset()))
        if element is None or element.kind not in {*NUMBERS, "String"}:
            return []
        empty = self._model.get(f"{path}~", True)
        if empty:
            return []
        shape = self._shapes.get(path)
        wanted = max(1, shape.limits.shortest if shape else 0)
        chosen = sorted(members, key=str)
        named = {self._values.of(each) for each in self._environment.bank.asked_of(path)}
        free = (
            each
            for each in dict.fromkeys(elements_of(shape.element if shape else None, element.kind))
            if each not in named
        )
        chosen += islice(free, max(0, wanted - len(chosen)))
        if chosen and not (shape and shape.limits.unique):
            chosen += chosen[:1] * (wanted - len(chosen))
        decimal = element.kind == "decimal"
        return [as_number(each) if decimal and isinstance(each, int) else each for each in chosen]

    def _facts(self, owner: str) -> dict[str, FactValue]:
        past = self._environment.contexts[owner].fields["past"]
        found: dict[str, FactValue] = {}
        for name, kind in past.fields.items():
            there = self._values.holds(self._environment.fact_presence(owner, name))
            path = self._environment.fact_path(owner, name)
            found[name] = self._fact(kind, path) if there else ABSENT
        return found

    def _fact(self, kind: Type, path: str) -> FactValue:
        if kind.kind == "Bool":
            return bool(self._model.get(path, False))
        if kind.kind == "String":
            return str(self._model.get(path, "x"))
        number = self._number(path, NOW_MS if kind.kind == "datetime" else 0)
        if kind.kind == "Long":
            return number
        return {"__extn": {"fn": kind.kind, "arg": written(kind.kind, number)}}

    def _undeclared(self, arguments: Collection[str]) -> dict[str, frozenset[Origin]]:
        """An argument that nobody declared for each origin that one has, by a name that is free."""
        taken = {*arguments, *self._declared()}
        found: dict[str, frozenset[Origin]] = {}
        for origin in map(Origin, STRANGE):
            if self._said(undeclared(origin)):
                free = (f"undeclared_{origin}{n or ''}" for n in count())
                found[next(n for n in free if n not in taken)] = frozenset({origin})
        return found

    def _declared(self) -> Iterable[str]:
        properties = self._environment.tool.parameters.get("properties")
        return properties if isinstance(properties, Mapping) else ()

    def _origins(self) -> dict[str, frozenset[Origin]]:
        return {
            sink: frozenset({Origin(str(self._model.get(f"origin.{sink}", "user")))})
            for sink, there in self._environment.sinks.items()
            if self._values.holds(there)
        }
