"""One span as one event, read through the dialect table (`table`).

`event_of` reads a span alone. `describe` is the same with what only the whole trace can tell:
the kind after de-duplication, the enclosing agent, the texts first said here, the session.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from mythos.engines.telemetry import table
from mythos.engines.telemetry.messages import texts_of
from mythos.engines.telemetry.payload import Payload, payload_of
from mythos.values.event import Event, Json, Kind, Span

_MAX_TOKENS: Final = 2**53
_NO_PAYLOAD: Final = Payload(arguments=None, output=None, captured=False, call_id="")
_COUNTED: Final = frozenset({Kind.MODEL_CALL, Kind.RETRIEVAL})


def event_of(span: Span) -> Event:
    """What one span means by itself.

    Returns:
        An event whose agent is the one the span names, and whose `user_texts` are all it carries;
        `runs.assemble` puts the enclosing agent and keeps each text once. `name` is the step id,
        tool, agent or step it stands for, else the span's own name. Tokens are read from model
        and embedding calls only, since agent spans repeat the sum.
    """
    kind = kind_of(span)
    return describe(span, kind, agent=agent_of(span, kind), user_texts=texts_of(span, kind))


def kind_of(span: Span | Event) -> Kind:
    """Kind of a span by itself: the first rule of the table that fits, else `Kind.OTHER`.

    Whatever else it calls itself, a span that records the arguments of a call is a call, lest one
    pass unjudged as a model call; but for kinds that only repeat what other spans tell.
    """
    kind = _first_fit(table.KIND_RULES, span) or Kind.OTHER
    tells_a_call = any(key in span.attributes for key in table.CALL_ARGUMENTS)
    if kind in table.KEEPS_ARGUMENTS or not tells_a_call:
        return kind
    return _first_fit(table.CALL_RULES, span) or kind


def _first_fit(rules: Iterable[table.KindRule], span: Span | Event) -> Kind | None:
    attributes = span.attributes
    for rule in rules:
        if rule.key in attributes and (kind := _match(rule, span, attributes[rule.key])):
            return kind
    return None


def _match(rule: table.KindRule, span: Span | Event, value: Json) -> Kind | None:
    if rule.place != "anywhere" and (rule.place == "nested") != bool(span.parent_id):
        return None
    if rule.name and rule.name != span.name:
        return None
    if rule.beside and rule.beside not in span.attributes:
        return None
    if isinstance(value, str) and value in rule.values:
        return rule.values[value]
    return rule.values.get(table.ANY)


def agent_of(span: Span, kind: Kind) -> str:
    """Agent a span names; an agent run always has a name, if only its span's."""
    named = _text(span.attributes, table.AGENT_KEYS)
    if named or kind is not Kind.AGENT_RUN:
        return named
    return _text(span.attributes, (table.ENTITY_KEY,)) or _bare(span.name)


def tool_of(span: Span, kind: Kind) -> str:
    """Tool a span names; a tool call always has a name, if only its span's."""
    named = _text(span.attributes, table.TOOL_KEYS)
    if named or kind is not Kind.TOOL_CALL:
        return named
    return _text(span.attributes, (table.ENTITY_KEY,)) or _bare(span.name)


def describe(
    span: Span,
    kind: Kind,
    *,
    agent: str,
    user_texts: tuple[str, ...] = (),
    session: str = "",
) -> Event:
    """Build the event of a span whose kind, agent, new user texts and session are settled.

    Args:
        span: the span.
        kind: what it counts as in its run.
        agent: name of the nearest enclosing agent run, or what the span itself says.
        user_texts: the texts that are this span's to report.
        session: used where the span itself names none.
    """
    attributes = span.attributes
    tool = tool_of(span, kind)
    payload = payload_of(attributes) if kind is Kind.TOOL_CALL else _NO_PAYLOAD
    counted = kind in _COUNTED
    return Event(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_id=span.parent_id,
        kind=kind,
        name=_label(span, kind, agent=agent, tool=tool),
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        agent=agent,
        tool=tool,
        call_id=payload.call_id,
        arguments=payload.arguments,
        output=payload.output,
        output_captured=payload.captured,
        user_texts=user_texts,
        session=_text(attributes, table.SESSION_KEYS) or session,
        workflow=_text(attributes, table.WORKFLOW_KEYS),
        model=_text(attributes, table.MODEL_KEYS),
        tokens_in=_tokens(attributes, table.TOKENS_IN_KEYS) if counted else 0,
        tokens_out=_tokens(attributes, table.TOKENS_OUT_KEYS) if counted else 0,
        failed=span.failed or bool(_text(attributes, table.ERROR_KEYS)),
        verdict=_text(attributes, table.VERDICT_KEYS),
        attributes=attributes,
        resource=span.resource,
    )


def node_of(source: Span | Event) -> str:
    """Name of the node a span or event came from, by its resource; `""` if it names none.

    A claim of the sender: the server checks it against the authenticated identity.
    """
    return _text(source.resource, table.NODE_KEYS)


def session_of(span: Span) -> str:
    """Conversation a span names, or `""`."""
    return _text(span.attributes, table.SESSION_KEYS)


def _label(span: Span, kind: Kind, *, agent: str, tool: str) -> str:
    step = _text(span.attributes, table.STEP_KEYS)
    if step:
        return step
    if kind is Kind.TOOL_CALL:
        return tool
    if kind is Kind.AGENT_RUN:
        return agent
    if kind is Kind.STEP:
        return _text(span.attributes, table.STEP_NAME_KEYS) or _bare(span.name)
    return span.name


def _text(attributes: Mapping[str, Json], keys: tuple[str, ...]) -> str:
    for key in keys:
        value = attributes.get(key)
        if value is not None and value != "" and not isinstance(value, list | dict):
            return value if isinstance(value, str) else str(value)
    return ""


def _tokens(attributes: Mapping[str, Json], keys: tuple[str, ...]) -> int:
    for key in keys:
        value = attributes.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return min(max(value, 0), _MAX_TOKENS)
    return 0


def _bare(name: str) -> str:
    for prefix in table.NAME_PREFIXES:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name
