"""JSON schemas of every boundary type, generated from the types (JSON Schema 2020-12).

The `.json` files beside this module are `schema_of` written out, for editors and for programs in
other languages; `python -m mythos.values.schemas` writes them anew and a test fails when they
differ. A schema says shapes and bounds. Laws between fields (a `put` has a content hash, a graph
names only its own nodes) are kept by the types alone, so a document that a schema accepts may
still be refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from pydantic import JsonValue, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import DictSchema

from mythos.errors import NotFoundError
from mythos.values.action import OperatorAction
from mythos.values.agent import Agent
from mythos.values.bundle import Assignment, BundleConfig, BundleSource
from mythos.values.enrolment import Acceptance, EnrolmentRequest
from mythos.values.environment import FleetEnvironment, FleetFile
from mythos.values.event import Event, Run
from mythos.values.evidence import Envelope, Row
from mythos.values.memory import Checkpoint, MemoryAudit, MemoryEntry, ShippedLog
from mythos.values.outcome import Outcome, Ruling
from mythos.values.policy import PolicySet
from mythos.values.reading import Flag, Reading
from mythos.values.recommendation import Recommendation
from mythos.values.tools import ToolCatalogue
from mythos.values.witness import WitnessView
from mythos.values.workflow import Workflow

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

TYPES: Final[dict[str, type]] = {
    "acceptance": Acceptance,
    "agent": Agent,
    "assignment": Assignment,
    "bundle-config": BundleConfig,
    "bundle-source": BundleSource,
    "enrolment-request": EnrolmentRequest,
    "environment": FleetEnvironment,
    "event": Event,
    "evidence-envelope": Envelope,
    "evidence-row": Row,
    "fleet": FleetFile,
    "memory-audit": MemoryAudit,
    "memory-checkpoint": Checkpoint,
    "memory-entry": MemoryEntry,
    "operator-action": OperatorAction,
    "memory-log": ShippedLog,
    "outcome": Outcome,
    "policy-set": PolicySet,
    "recommendation": Recommendation,
    "resilience-flag": Flag,
    "resilience-reading": Reading,
    "ruling": Ruling,
    "run": Run,
    "tool-catalogue": ToolCatalogue,
    "witness-view": WitnessView,
    "workflow": Workflow,
}
"""The boundary type behind each schema's name."""


class _Generate(GenerateJsonSchema):
    def dict_schema(self, schema: DictSchema) -> JsonSchemaValue:
        """Close a mapping whose keys have a pattern: pydantic would let all others pass."""
        body = super().dict_schema(schema)
        return body | {"additionalProperties": False} if "patternProperties" in body else body


def schema_of(name: str) -> dict[str, JsonValue]:
    """The schema of one boundary type, for documents as they are read.

    Args:
        name: a key of `TYPES`.

    Returns:
        A JSON Schema with `$schema` and `$id`; equal types give equal values.

    Raises:
        NotFoundError: no boundary type has that name.

    Source: JSON Schema, draft 2020-12.
    """
    if name not in TYPES:
        raise NotFoundError(
            f"no schema is called {name!r}", remedy=f"use one of {', '.join(TYPES)}"
        )
    body = TypeAdapter(TYPES[name]).json_schema(schema_generator=_Generate)
    return {"$schema": DIALECT, "$id": f"urn:mythos:schema:{name}", **body}


def schema_text(name: str) -> str:
    """The text of a schema file: indented, fields in the order of the type, a final line feed."""
    return json.dumps(schema_of(name), indent=2, ensure_ascii=False) + "\n"


def write_schemas(folder: Path) -> tuple[Path, ...]:
    """Write every schema as `<name>.json` into a folder that exists; returns the paths."""
    paths = tuple(folder / f"{name}.json" for name in TYPES)
    for path in paths:
        path.write_text(schema_text(path.stem), "utf-8")
    return paths
