"""The shipped JSON schemas say what the types say, and the example fleet obeys them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import TypeAdapter, ValidationError

from mythos.errors import NotFoundError
from mythos.values import schemas
from mythos.values.bundle import BundleSource
from mythos.values.event import Event, Kind, Run
from mythos.values.schemas import TYPES, schema_of, write_schemas
from mythos.values.source import read_document

SHIPPED = Path(schemas.__file__).parent
FLEET = Path(__file__).resolve().parents[2] / "examples/retail-care"

_FOLDERS = {
    "agent": "agents/*.yaml",
    "bundle-source": "bundle.yaml",
    "fleet": "fleet.yaml",
    "policy-set": "policies/*.yaml",
    "tool-catalogue": "tools/*.json",
    "workflow": "workflows/*.yaml",
}
_EXAMPLES = [(name, path) for name, glob in _FOLDERS.items() for path in sorted(FLEET.glob(glob))]


def _shipped(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((SHIPPED / f"{name}.json").read_text("utf-8"))
    return schema


def _read(path: Path) -> Any:  # noqa: ANN401  whatever the document says
    return read_document(path.read_text("utf-8"), source=path.name).value


@pytest.mark.parametrize("name", TYPES)
def test_a_shipped_schema_is_what_its_type_says_today(name: str) -> None:
    assert _shipped(name) == schema_of(name), "run: python -m mythos.values.schemas"


def test_nothing_is_shipped_that_no_type_stands_behind() -> None:
    assert sorted(path.stem for path in SHIPPED.glob("*.json")) == sorted(TYPES)


@pytest.mark.parametrize("name", TYPES)
def test_a_schema_is_valid_2020_12_and_has_a_name_of_its_own(name: str) -> None:
    schema = _shipped(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert schema["$id"] == f"urn:mythos:schema:{name}"


def test_every_kind_of_document_has_an_example() -> None:
    assert {name for name, _ in _EXAMPLES} == set(_FOLDERS)


@pytest.mark.parametrize(
    ("name", "path"), _EXAMPLES, ids=[str(p.relative_to(FLEET)) for _, p in _EXAMPLES]
)
def test_an_example_obeys_its_schema(name: str, path: Path) -> None:
    problems = Draft202012Validator(_shipped(name)).iter_errors(_read(path))
    assert [f"{problem.json_path}: {problem.message}" for problem in problems] == []


@pytest.mark.parametrize(
    ("name", "path"), _EXAMPLES, ids=[str(p.relative_to(FLEET)) for _, p in _EXAMPLES]
)
def test_schema_and_type_refuse_the_same_misspelt_key(name: str, path: Path) -> None:
    misspelt = _read(path) | {"polices": []}
    accepted = Draft202012Validator(_shipped(name)).is_valid(misspelt)
    foreign = name == "tool-catalogue"  # others write these too: their keys are ignored
    assert accepted is foreign


def test_given_a_label_that_is_no_label_then_schema_and_type_refuse_it() -> None:
    head = {"name": "fleet", "labels": {"Region": "eu"}}
    assert not Draft202012Validator(_shipped("bundle-source")).is_valid(head)
    with pytest.raises(ValidationError, match="Region"):
        BundleSource.model_validate(head)


def test_a_run_written_as_json_obeys_its_schema_and_is_read_back() -> None:
    event = Event(
        trace_id="0" * 32,
        span_id="1" * 16,
        parent_id="",
        kind=Kind.TOOL_CALL,
        name="execute_tool refund",
        start_ns=1,
        end_ns=2,
        arguments={"amount_cents": 1, "lines": [{"sku": "a"}, None]},
    )
    run = Run(trace_id="0" * 32, root=event, events=(event,), ended_ns=2)
    adapter = TypeAdapter(Run)
    written = adapter.dump_python(run, mode="json")
    Draft202012Validator(_shipped("run")).validate(written)
    assert adapter.validate_python(written) == run


def test_given_a_folder_then_every_schema_is_written_as_it_is_shipped(tmp_path: Path) -> None:
    written = write_schemas(tmp_path)
    assert [path.name for path in written] == [f"{name}.json" for name in TYPES]
    assert all(path.read_bytes() == (SHIPPED / path.name).read_bytes() for path in written)


def test_given_an_unknown_name_then_the_known_ones_are_listed() -> None:
    with pytest.raises(NotFoundError, match="no schema is called 'codex'") as caught:
        schema_of("codex")
    assert "policy-set" in caught.value.remedy
