"""What the schema of a tool says of its arguments beyond their types, as terms.

`enum`, `const` and `multipleOf` are told in full. Of sizes it is told whether a text or list may be
empty, and which texts and elements that terms speak of are too long, too short or of no declared
value: the rest is `witness`' care. So what cannot be is told of fewer calls than there are at most,
never of more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mythos.engines.coherence.symbols import Group, Number, Symbols, Truth, Type, Value, Word
from mythos.engines.coherence.terms import Bank, Bool, Int, Term
from mythos.engines.policy.arguments import cedar_value
from mythos.engines.policy.limits import NO_LIMITS, exact_number
from mythos.engines.policy.shape import Shape
from mythos.values.event import Json

_UNITS = {"decimal": 10_000}


def shapes_of(shape: Shape, path: str) -> Iterator[tuple[str, Shape]]:
    """The shape of every argument and of each part of one, by the path of its variable."""
    for name, inner in (shape.fields or {}).items():
        yield f"{path}.{name}", inner
        yield from shapes_of(inner, f"{path}.{name}")


def schema_holds(
    symbols: Symbols, inputs: Type, shapes: Mapping[str, Shape], path: str = "input"
) -> Iterator[Bool]:
    """Terms that hold of every call whose arguments fit.

    Args:
        symbols: where variables are made; terms of all rules are in its bank.
        inputs: the type of the arguments.
        shapes: from `shapes_of`.
        path: of `inputs`.
    """
    bank = symbols.bank
    for name, kind in inputs.fields.items():
        at = f"{path}.{name}"
        if kind.kind == "Record":
            yield from schema_holds(symbols, kind, shapes, at)
            continue
        shape = shapes[at]
        if shape.limits is NO_LIMITS and shape.element is None:
            continue
        value = symbols.value(kind, at)
        given: Bool = True if name in inputs.required else bank.var("bool", f"{at}?")
        yield bank.implies(given, bank.and_(*_of_value(bank, value, shape)))


def _of_value(bank: Bank, value: Value, shape: Shape) -> Iterator[Bool]:
    match value:
        case Word(term=Term() as text):
            yield from _of_text(bank, text, shape)
        case Number(term=number):
            yield from _of_number(bank, number, shape)
        case Truth(term=truth) if shape.limits.allowed is not None:
            yield bank.or_(*(truth if each else bank.not_(truth) for each in shape.limits.allowed))
        case Group() as group:
            yield from _of_group(bank, group, shape)


def _of_text(bank: Bank, text: Term, shape: Shape) -> Iterator[Bool]:
    if shape.limits.allowed is not None:
        allowed = (str(each) for each in shape.limits.allowed if _fits(shape, each))
        yield bank.or_(*(bank.same(text, each) for each in allowed))
    for each in dict.fromkeys(["", *bank.compared_with(text)]):
        if not _fits(shape, each):
            yield bank.not_(bank.same(text, each))
    if shape.limits.longest == 0:
        yield bank.same(text, "")


def _of_number(bank: Bank, number: Int, shape: Shape) -> Iterator[Bool]:
    unit = _UNITS.get(shape.kind, 1)
    if shape.limits.allowed is not None:
        allowed = (each for each in shape.limits.allowed if _fits(shape, each))
        exact = (exact_number(each) * unit for each in allowed if not isinstance(each, str))
        yield bank.or_(*(bank.equal(number, int(each)) for each in exact))
    for step in shape.limits.steps:
        whole = (step * unit).numerator
        yield bank.equal(bank.scale(whole, bank.floor_div(number, whole)), number)


def _of_group(bank: Bank, group: Group, shape: Shape) -> Iterator[Bool]:
    if shape.limits.shortest:
        yield bank.not_(group.empty)
    if shape.limits.longest == 0:
        yield group.empty
    for each in bank.asked_of(group.name):
        if shape.element and not isinstance(each, Term):
            sent = as_number(each) if group.kind == "decimal" and isinstance(each, int) else each
            if not _fits(shape.element, sent):
                yield bank.not_(bank.member(group.name, each))


def as_number(scaled: int) -> int | float:
    """A decimal as JSON has it; one that no float can spell will fail its replay."""
    return scaled // 10_000 if scaled % 10_000 == 0 else scaled / 10_000


def _fits(shape: Shape, value: Json) -> bool:
    return not cedar_value(shape, value)[1]


def sized(shape: Shape, text: str) -> Iterator[str]:
    """Texts of an allowed size that are much like `text`: `x` is put in somewhere, or the rest cut.

    None if it has an allowed size already.
    """
    limits = shape.limits
    lacking = limits.shortest - len(text)
    if lacking > 0:
        for at in range(len(text), -1, -1):
            yield text[:at] + "x" * lacking + text[at:]
    elif limits.longest is not None and len(text) > limits.longest:
        yield text[: limits.longest]
        yield text[len(text) - limits.longest :]


def plain_text(shape: Shape | None) -> str:
    """A text where any that fits will do."""
    if shape is None:
        return "x"
    texts = [each for each in shape.limits.allowed or () if isinstance(each, str)]
    return next(sized(shape, (texts or ["x"])[0]), (texts or ["x"])[0])


def elements_of(shape: Shape | None, kind: str) -> Iterator[int | str]:
    """Elements that fit, one after another: texts, or integers as terms have them."""
    limits = shape.limits if shape else NO_LIMITS
    unit = _UNITS.get(kind, 1)
    if limits.allowed is not None:
        for each in limits.allowed:
            if isinstance(each, str):
                yield each
            elif not isinstance(each, bool):
                yield int(exact_number(each) * unit)
        return
    if kind == "String":
        for n in range(1_000):
            text = f"x{n or ''}"
            yield text if shape is None else next(sized(shape, text), text)
        return
    steps = [(step * unit).numerator for step in limits.steps] or [unit]
    least = 0 if shape is None or shape.least is None else int(exact_number(shape.least) * unit)
    for n in range(1_000):
        yield -(-least // steps[0]) * steps[0] + n * steps[0]
