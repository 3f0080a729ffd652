"""What every boundary type promises: it does not change, and it hears only what it knows."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from pydantic import BaseModel, ValidationError

import mythos.values
from mythos.values.base import Foreign, Value
from mythos.values.workflow import Weights

NOISE = "a key that nobody declared"


def _below(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for module in pkgutil.walk_packages(mythos.values.__path__, "mythos.values."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    pending = [base]
    while pending:
        children = pending.pop().__subclasses__()
        pending += children
        yield from (cls for cls in children if cls.__module__.startswith("mythos.values."))


OWN = sorted(set(_below(Value)), key=lambda cls: cls.__qualname__)
FOREIGN = sorted(set(_below(Foreign)), key=lambda cls: cls.__qualname__)
OPEN = [Weights]  # its keys are the labels of a workflow


def _refused(model: type[BaseModel], value: object) -> set[tuple[str, tuple[int | str, ...]]]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)
    return {(detail["type"], detail["loc"]) for detail in caught.value.errors()}


def test_there_are_types_of_both_sorts() -> None:
    assert len(OWN) > 30
    assert [cls.__name__ for cls in FOREIGN] == ["Tool", "ToolCatalogue"]


@pytest.mark.parametrize("model", [*OWN, *FOREIGN], ids=lambda cls: cls.__qualname__)
def test_a_value_never_changes(model: type[BaseModel]) -> None:
    value = model.model_construct()
    for name in model.model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(value, name, None)


@pytest.mark.parametrize(
    "model", [cls for cls in OWN if cls not in OPEN], ids=lambda cls: cls.__qualname__
)
def test_a_format_of_our_own_refuses_an_unknown_key(model: type[BaseModel]) -> None:
    assert ("extra_forbidden", (NOISE,)) in _refused(model, {NOISE: 1})


@pytest.mark.parametrize("model", FOREIGN, ids=lambda cls: cls.__qualname__)
def test_a_format_that_others_write_too_ignores_an_unknown_key(model: type[BaseModel]) -> None:
    least = {"domain": "shop", "name": "refund", "tools": []}
    noisy = model.model_validate(least | {NOISE: 1})
    assert noisy == model.model_validate(least)
    assert NOISE not in noisy.model_dump()


def test_a_label_that_is_weighted_takes_costs_and_nothing_else() -> None:
    assert Weights.model_validate({"confirm": {"skip": 5}}).skip_of("confirm") == 5
    assert ("extra_forbidden", ("confirm", NOISE)) in _refused(Weights, {"confirm": {NOISE: 1}})
