"""A call whose arguments do not fit what its tool declares: every set that governs it denies it.

Proofs speak of calls that fit. Of the others there is one thing to tell: whether anything governs
the tool at all, and this call shows it.
"""

from __future__ import annotations

from collections.abc import Iterator

from mythos.engines.policy.arguments import cedar_arguments
from mythos.engines.policy.request import Request
from mythos.engines.policy.shape import arguments_shape
from mythos.values.event import Json, Repeated
from mythos.values.tools import Tool


def unfit_call(tool: Tool) -> Request:
    """The plainest call of a tool with arguments that do not fit: no tool takes them all."""
    shape = arguments_shape(tool.parameters)
    return next(
        Request(agent="agent", tool=tool.name, arguments=each)
        for each in _calls(tool)
        if cedar_arguments(shape, each)[1]
    )


def _calls(tool: Tool) -> Iterator[dict[str, Json]]:
    fields = arguments_shape(tool.parameters).fields or {}
    yield {"undeclared": "x"}
    yield {}
    for name, inner in fields.items():
        yield {name: 0 if inner.kind == "String" else "x"}
    yield {"twice": Repeated(["x", "x"])}
