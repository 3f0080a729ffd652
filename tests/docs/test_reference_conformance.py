"""The page on the Python API of conformance: its examples run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import mythos.engines.conformance as api

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "conformance.md"
EXAMPLE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_examples_run_and_their_assertions_hold() -> None:
    examples = EXAMPLE.findall(PAGE.read_text(encoding="utf-8"))
    assert sum(example.count("assert ") for example in examples) >= 7
    exec("".join(examples), {})  # noqa: S102 - our own page


def test_every_public_name_and_every_part_of_a_model_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    told = [api.Model, api.Stream, api.Alignment]
    names = {name for kind in told for name in dir(kind) if not name.startswith("_")}
    inner = {"cost_beyond", "ground", "label", "number"}  # what engines ask of a model
    assert {name for name in names - inner if f"`{name}" not in page} <= {"from_json"}
