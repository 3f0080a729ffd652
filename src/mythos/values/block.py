"""Blocks: the nested operators of a workflow, in the short JSON form that people write.

    {"act": "plan", "match": {"gen_ai.agent.name": "planner"}}     one step
    {"tau": true}                                                  nothing
    {"seq": [a, b]}    {"xor": [a, b]}    {"and": [a, b]}          in order, one of, interleaved
    {"loop": [do, redo]}    {"loop": {"do": a, "redo": b, "max": 8}}    do (redo do)*
    {"opt": a}                                                     a or nothing
    {"map": {"do": a, "min": 1, "max": 16}}                        that many copies, interleaved
    {"graph": {"nodes": {"n": a}, "start": ["n"], "edges": [["n", "n"]], "ends": ["n"]}}

A block has exactly one operator. What it prints is the form it was read from.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    Strict,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    Tag,
    model_serializer,
    model_validator,
)

from mythos.values.base import Value

MAX_STEPS = 4_096

Label = Annotated[str, Field(min_length=1, max_length=200)]
Scalar = StrictBool | StrictInt | StrictFloat | StrictStr
NodeId = Annotated[str, Field(min_length=1, max_length=200)]

Times = Annotated[int, Strict(), Field(ge=1, le=1_000)]


def _some(children: tuple[Block, ...]) -> tuple[Block, ...]:
    # pydantic's own length check would also complain whenever a child is wrong
    if not 1 <= len(children) <= MAX_STEPS:
        raise ValueError(f"expected 1 to {MAX_STEPS} blocks, not {len(children)}")
    return children


def _not_too_many(children: object) -> object:
    # one objection, instead of one for each child
    if isinstance(children, list | tuple) and len(children) > MAX_STEPS:
        raise ValueError(f"expected 1 to {MAX_STEPS} blocks, not {len(children)}")
    return children


Children = Annotated[tuple["Block", ...], BeforeValidator(_not_too_many), AfterValidator(_some)]


class ShortForm(Value):
    """A value that prints under its aliases and without what was not given."""

    model_config = ConfigDict(serialize_by_alias=True)

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> dict[str, JsonValue]:
        fields = type(self).model_fields
        given = {fields[name].alias or name for name in self.model_fields_set if name in fields}
        declared = {field.alias or name for name, field in fields.items()}
        return {k: v for k, v in handler(self).items() if k in given or k not in declared}


class Act(ShortForm):
    """One step. `match`: span attributes that produce it; without, a step of that name does."""

    kind: ClassVar = "act"
    act: Label
    match: Annotated[dict[str, Scalar], Field(min_length=1, max_length=16)] | None = None


class Tau(ShortForm):
    """Nothing: a branch that may be empty."""

    kind: ClassVar = "tau"
    tau: Literal[True]


class Seq(ShortForm):
    """All in this order."""

    kind: ClassVar = "seq"
    seq: Children


class Xor(ShortForm):
    """Exactly one."""

    kind: ClassVar = "xor"
    xor: Children


class And(ShortForm):
    """All, interleaved in any way."""

    kind: ClassVar = "and"
    and_: Children = Field(alias="and")


class LoopBody(ShortForm):
    """`do` at least once and at most `max` times, with `redo` between two rounds."""

    do: Block
    redo: Block | None = None
    max: Times | None = None


def _loop_form(value: object) -> str:
    return "pair" if isinstance(value, list | tuple) else "body"


class Loop(ShortForm):
    """do (redo do)*: either the pair [do, redo] or its long form."""

    kind: ClassVar = "loop"
    loop: Annotated[
        Annotated[tuple[Block, Block], Tag("pair")] | Annotated[LoopBody, Tag("body")],
        Discriminator(_loop_form),
    ]

    @property
    def body(self) -> LoopBody:
        """The long form of either."""
        if isinstance(self.loop, LoopBody):
            return self.loop
        do, redo = self.loop
        return LoopBody(do=do, redo=redo)


class Opt(ShortForm):
    """At most once."""

    kind: ClassVar = "opt"
    opt: Block


class MapBody(ShortForm):
    """Between `min` and `max` interleaved copies of `do`."""

    do: Block
    min: Annotated[int, Strict(), Field(ge=0, le=MAX_STEPS)] = 1
    max: Annotated[int, Strict(), Field(ge=1, le=MAX_STEPS)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min={self.min} is more than max={self.max}")
        return self


class Map(ShortForm):
    """The same body for each of a number of items, at the same time."""

    kind: ClassVar = "map"
    map: MapBody


class GraphBody(ShortForm):
    """Nodes are blocks; a run walks along the edges from a start to an end."""

    nodes: Annotated[dict[NodeId, Block], Field(min_length=1, max_length=MAX_STEPS)]
    start: Annotated[tuple[NodeId, ...], Field(min_length=1, max_length=MAX_STEPS)]
    edges: Annotated[tuple[tuple[NodeId, NodeId], ...], Field(max_length=16 * MAX_STEPS)] = ()
    ends: Annotated[tuple[NodeId, ...], Field(min_length=1, max_length=MAX_STEPS)]

    @model_validator(mode="after")
    def _closed(self) -> Self:
        named = {*self.start, *self.ends, *(node for edge in self.edges for node in edge)}
        if unknown := sorted(named - set(self.nodes)):
            raise ValueError(f"no node is called {unknown[0]!r}")
        return self


class Graph(ShortForm):
    """Jumps between blocks, for what nesting cannot say."""

    kind: ClassVar = "graph"
    graph: GraphBody


_KINDS: dict[str, type[ShortForm]] = {
    model.kind: model for model in (Act, Tau, Seq, Xor, And, Loop, Opt, Map, Graph)
}


def _kind(value: object) -> str | None:
    """The one operator among the keys; None, which pydantic refuses, for none or several."""
    if isinstance(value, BaseModel):
        return getattr(value, "kind", None)
    found = [key for key in value if key in _KINDS] if isinstance(value, dict) else []
    return found[0] if len(found) == 1 else None


Block = Annotated[
    Annotated[Act, Tag("act")]
    | Annotated[Tau, Tag("tau")]
    | Annotated[Seq, Tag("seq")]
    | Annotated[Xor, Tag("xor")]
    | Annotated[And, Tag("and")]
    | Annotated[Loop, Tag("loop")]
    | Annotated[Opt, Tag("opt")]
    | Annotated[Map, Tag("map")]
    | Annotated[Graph, Tag("graph")],
    Discriminator(
        _kind,
        custom_error_type="block",
        custom_error_message=f"A block must have exactly one of the keys {', '.join(_KINDS)}",
    ),
]

for _model in (Seq, Xor, And, LoopBody, Loop, Opt, MapBody, Map, GraphBody, Graph):
    _model.model_rebuild()


def inner_blocks(block: Block) -> dict[str, Block]:
    """The blocks directly inside a block, by their path from that block."""
    match block:
        case Seq(seq=children) | Xor(xor=children) | And(and_=children):
            inner = {f"{block.kind}/{i}": child for i, child in enumerate(children)}
        case Loop(loop=LoopBody(do=do, redo=redo)):
            inner = {"loop/do": do} | ({"loop/redo": redo} if redo else {})
        case Loop(loop=(do, redo)):
            inner = {"loop/0": do, "loop/1": redo}
        case Opt(opt=child):
            inner = {"opt": child}
        case Map(map=body):
            inner = {"map/do": body.do}
        case Graph(graph=graph):
            inner = {f"graph/nodes/{name}": node for name, node in graph.nodes.items()}
        case _:
            inner = {}
    return inner
