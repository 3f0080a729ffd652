"""Spans for tests: made by hand in one line, or drawn by hypothesis."""

from __future__ import annotations

from typing import Any, TypeAlias

from hypothesis import strategies as st

from mythos.values.event import Json, Span, SpanEvent

Loose: TypeAlias = Any  # JSON as a test writes it down

TRACE = "0af7651916cd43dd8448eb211c80319c"
SECOND = 10**9


def sid(number: int) -> str:
    """A span id."""
    return f"{number:016x}"


def span(
    number: int,
    parent: int = 0,
    *,
    at_s: float | None = None,
    for_s: float = 1.0,
    trace: str = TRACE,
    **attributes: Loose,
) -> Span:
    """Span `number` under span `parent` (0: none); `__` in a keyword stands for a dot."""
    start = int((number if at_s is None else at_s) * SECOND)
    return Span(
        trace_id=trace,
        span_id=sid(number),
        parent_id=sid(parent) if parent else "",
        name=str(attributes.pop("name", f"span {number}")),
        kind=int(attributes.pop("kind", 1)),
        failed=bool(attributes.pop("failed", False)),
        start_ns=start,
        end_ns=start + int(for_s * SECOND),
        resource=attributes.pop("resource", {}),
        attributes={key.replace("__", "."): value for key, value in attributes.items()},
    )


def agent(number: int, parent: int = 0, name: str = "clerk", **more: Loose) -> Span:
    """An agent run."""
    attributes: Loose = {"gen_ai__operation__name": "invoke_agent", "gen_ai__agent__name": name}
    return span(number, parent, **attributes, **more)


def chat(number: int, parent: int = 0, messages: str = "", **more: Loose) -> Span:
    """A model call that was sent `messages` (JSON text)."""
    if messages:
        more["gen_ai__input__messages"] = messages
    return span(number, parent, gen_ai__operation__name="chat", **more)


def call(number: int, parent: int = 0, tool: str = "refund", **more: Loose) -> Span:
    """A tool call."""
    return span(
        number, parent, gen_ai__operation__name="execute_tool", gen_ai__tool__name=tool, **more
    )


def said(*turns: str) -> str:
    """Messages as JSON: `u:text` is the user's, `a:text` the assistant's."""
    roles = {"u": "user", "a": "assistant"}
    parts = [
        f'{{"role":"{roles[turn[0]]}","parts":[{{"type":"text","content":"{turn[2:]}"}}]}}'
        for turn in turns
    ]
    return f"[{','.join(parts)}]"


_nanos = st.integers(0, 2**63 - 1)
_texts = st.text(max_size=12)
_scalars: st.SearchStrategy[Json] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    _texts,
)
_values: st.SearchStrategy[Json] = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)
_attributes = st.dictionaries(_texts, _values, max_size=4)
_ids = st.integers(1, 2**64 - 1).map(sid)


def spans() -> st.SearchStrategy[Span]:
    """Any span OTLP can carry."""
    return st.builds(
        Span,
        trace_id=st.integers(1, 2**128 - 1).map(lambda n: f"{n:032x}"),
        span_id=_ids,
        parent_id=st.just("") | _ids,
        name=_texts,
        start_ns=_nanos,
        end_ns=_nanos,
        attributes=_attributes,
        resource=_attributes,
        scope=_texts,
        kind=st.integers(0, 5),
        failed=st.booleans(),
        status_message=_texts,
        notes=st.lists(
            st.builds(SpanEvent, name=_texts, at_ns=_nanos, attributes=_attributes), max_size=2
        ).map(tuple),
    )


_OPERATIONS = ("invoke_agent", "chat", "execute_tool", "invoke_workflow", "")


@st.composite
def traces(draw: st.DrawFn) -> list[Span]:
    """A few traces of up to nine spans with any parents: nested, orphaned, looped, cross-linked."""
    made = []
    for trace in range(draw(st.integers(1, 2))):
        for number in range(1, draw(st.integers(1, 9)) + 1):
            operation = draw(st.sampled_from(_OPERATIONS))
            made.append(
                span(
                    number,
                    draw(st.integers(0, 11)),
                    trace=f"{trace + 1:032x}",
                    at_s=draw(st.integers(1, 5)),
                    kind=draw(st.sampled_from((1, 1, 2, 3))),
                    gen_ai__operation__name=operation,
                    gen_ai__agent__name=draw(st.sampled_from(("clerk", "expert"))),
                    gen_ai__tool__name=draw(st.sampled_from(("refund", "search"))),
                    gen_ai__input__messages=draw(
                        st.sampled_from((said("u:hello"), said("u:hello", "a:hm", "u:yes"), ""))
                    ),
                )
            )
    return made
