"""Workflow documents, `mythos.ritual/1`: the brief's EncodedRitualBlueprint.

`steps` says in which order an agent's steps are expected; `weights` what a skipped or an extra
step costs; `extra` whether steps the workflow does not name count at all. The canonical form,
and so the digest, is the same for documents that differ only in layout, defaults that were
written out, or the laws of `mythos.values.process`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    Strict,
    StrictBool,
    ValidationError,
    field_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from mythos.errors import WorkflowError
from mythos.values.base import Name, Version
from mythos.values.block import MAX_STEPS, Block, ShortForm, inner_blocks
from mythos.values.digest import canonical_bytes, digest_of
from mythos.values.marks import MAX_DEPTH, Path
from mythos.values.process import normal_form
from mythos.values.source import Document, document_of, read_document, validated

SCHEMA = "mythos.ritual/1"

Weight = Annotated[int, Strict(), Field(ge=0, le=9)]


class StepWeights(ShortForm):
    """What one label costs when skipped and when extra; what is not given is the default."""

    skip: Weight | None = None
    extra: Weight | None = None


class Weights(ShortForm):
    """Costs by label. The label `default` cannot be weighted on its own."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, StepWeights] = Field(init=False)
    default: Weight = 1

    @property
    def labels(self) -> dict[str, StepWeights]:
        """The labels with costs of their own."""
        return self.__pydantic_extra__

    def skip_of(self, label: str) -> int:
        """Cost of a step the workflow wanted and the run left out, 0 to 9."""
        given = self.labels.get(label)
        return self.default if given is None or given.skip is None else given.skip

    def extra_of(self, label: str) -> int:
        """Cost of a step the run made and the workflow did not want, 0 to 9."""
        given = self.labels.get(label)
        return self.default if given is None or given.extra is None else given.extra


class Order(ShortForm):
    """Steps are taken in order of `by`; starts closer than `skew_ms` count as simultaneous."""

    by: Literal["start"] = "start"
    skew_ms: Annotated[int, Strict(), Field(ge=0, le=60_000)] = 0


class Workflow(ShortForm):
    """A workflow as written."""

    schema_: Literal["mythos.ritual/1"] = Field(alias="schema")
    name: Name
    version: Annotated[Version, Strict()] = 1
    critical: StrictBool = False
    steps: Block
    extra: Literal["count", "ignore"] = "count"
    weights: Weights = Weights()
    order: Order = Order()

    @field_validator("steps")
    @classmethod
    def _bounded(cls, steps: Block) -> Block:
        leaves, pending = 0, list[tuple[Block, int, Path]]([(steps, 1, ())])
        while pending:
            block, depth, path = pending.pop()
            inner = inner_blocks(block)
            leaves += not inner
            if depth > MAX_DEPTH:
                raise _at(path, f"blocks nest deeper than {MAX_DEPTH}")
            if leaves > MAX_STEPS:
                raise _at(path, f"there are more than {MAX_STEPS} steps")
            for name, child in reversed(inner.items()):
                pending.append((child, depth + 1, (*path, *_keys(name))))
        return steps


def _keys(name: str) -> Path:
    """The keys from a block to one inside it; a node of a graph may be called anything."""
    first, *rest = name.split("/", 2)
    return (first, *(int(key) if len(rest) == 1 and key.isdecimal() else key for key in rest))


def _at(path: Path, message: str) -> ValidationError:
    """An objection to a block somewhere inside."""
    problem = InitErrorDetails(
        type=PydanticCustomError("value_error", message),
        loc=path,
        input=None,
    )
    return ValidationError.from_exception_data("steps", [problem])


def canonical(workflow: Workflow) -> dict[str, JsonValue]:
    """The one document that stands for all that say the same.

    Steps are in normal form, defaults are left out, weights equal to the default are left out.
    It is itself a valid workflow, and its own canonical form.

    Args:
        workflow: any workflow.

    Returns:
        A JSON object; its bytes are `canonical_bytes` of it.
    """
    form: dict[str, JsonValue] = {
        "schema": SCHEMA,
        "name": workflow.name,
        "steps": normal_form(workflow.steps).form,
    }
    optional: dict[str, JsonValue] = {
        "version": _unless(1, workflow.version),
        "critical": _unless(False, workflow.critical),  # noqa: FBT003
        "extra": _unless("count", workflow.extra),
        "weights": _unless({}, _weights(workflow.weights)),
        "order": _unless({}, _order(workflow.order)),
    }
    return form | {key: value for key, value in optional.items() if value is not None}


def _unless(default: JsonValue, value: JsonValue) -> JsonValue:
    return None if value == default else value


def _weights(weights: Weights) -> dict[str, JsonValue]:
    form: dict[str, JsonValue] = {} if weights.default == 1 else {"default": weights.default}
    for label in weights.labels:
        pair = {"skip": weights.skip_of(label), "extra": weights.extra_of(label)}
        own: dict[str, JsonValue] = {k: v for k, v in pair.items() if v != weights.default}
        if own:
            form[label] = own
    return form


def _order(order: Order) -> dict[str, JsonValue]:
    return {} if order.skew_ms == 0 else {"skew_ms": order.skew_ms}


def workflow_digest(workflow: Workflow) -> str:
    """Digest of the canonical form: equal for documents that differ only in layout."""
    return digest_of(canonical_bytes(canonical(workflow)))


def load_workflow(text: str, *, source: str) -> Workflow:
    """Read a workflow from YAML or JSON.

    Args:
        text: the document.
        source: what to call it in errors.

    Returns:
        The workflow as written.

    Raises:
        WorkflowError: every objection with its line, column and block path.
    """
    return _workflow(read_document(text, source=source, error=WorkflowError))


def workflow_of(value: JsonValue, *, source: str) -> Workflow:
    """A workflow from JSON that was read already; errors name the source and the block path."""
    return _workflow(document_of(value, source=source))


def _workflow(document: Document) -> Workflow:
    return validated(Workflow, document, WorkflowError)


def bare_workflow(steps: JsonValue | BaseModel, *, name: str = "tree") -> Workflow:
    """A workflow of nothing but steps: unit weights, extra steps count."""
    form = steps.model_dump(mode="json") if isinstance(steps, BaseModel) else steps
    return workflow_of({"schema": SCHEMA, "name": name, "steps": form}, source=name)
