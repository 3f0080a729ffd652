"""The parts of a policy set that can be read although others cannot, so that all is told at once.

What cannot be read is replaced by something of which nothing is wrong, under its own name: what
else speaks of it is then not told to be wrong too.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import JsonValue, TypeAdapter, ValidationError

from mythos.values.policy import Covers, Expectation, Fact, Once, PolicySet

_FACT: TypeAdapter[Fact] = TypeAdapter(Fact)
_EXPECTATION = TypeAdapter(Expectation)
_COVERS = TypeAdapter(Covers)

T = TypeVar("T")


def readable_rest(value: JsonValue) -> PolicySet | None:
    """What can be read of a document that is no policy set; None without rules.

    Args:
        value: the document.
    """
    rules = value.get("rules") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(rules, str):
        return None
    facts, expect = value.get("facts"), value.get("expect")
    return PolicySet.model_construct(
        policy_set="",
        version=1,
        covers=_read(_COVERS, value.get("covers"), Covers()),
        facts={
            name: _read(_FACT, fact, Once(once="user.message"))
            for name, fact in (facts if isinstance(facts, dict) else {}).items()
        },
        rules=rules,
        expect=tuple(
            _read(_EXPECTATION, entry, Expectation(name=f"#{number}", never="allow"))
            for number, entry in enumerate(expect if isinstance(expect, list) else ())
        ),
    )


def _read(adapter: TypeAdapter[T], value: JsonValue, instead: T) -> T:
    try:
        return adapter.validate_python(value)
    except ValidationError:
        return instead
