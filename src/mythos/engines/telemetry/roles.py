"""What each span of a trace counts as, and under whom: kinds after de-duplication, and agents.

One call may be told twice: by the client and the server of an MCP `tools/call`, inside the
framework's own `execute_tool`; one agent run likewise. Law: of spans that tell one call, the
outermost is the call and the rest are `Kind.OTHER`; a call whose captured arguments differ from
those of the call around it is a call of its own, so nothing executed can hide behind another.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mythos.engines.telemetry.dialect import agent_of, kind_of, tool_of
from mythos.engines.telemetry.payload import payload_of
from mythos.engines.telemetry.spantree import SpanTree
from mythos.values.event import Kind


@dataclass(frozen=True, slots=True)
class Roles:
    """By span id: kind; nearest agent run (own id for one); outermost one; nearest call around.

    `names` maps agent runs to their names; `twins` maps a duplicate call to the call it repeats.
    """

    kinds: dict[str, Kind] = field(default_factory=dict)
    agents: dict[str, str] = field(default_factory=dict)
    outermost: dict[str, str] = field(default_factory=dict)
    calls: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    twins: dict[str, str] = field(default_factory=dict)


def cast(tree: SpanTree) -> Roles:
    """Settle the role of every span of a trace, parents before children."""
    roles = Roles()
    for span_id in tree.downward:
        cast_one(tree, roles, span_id)
    _pair_mcp(tree, roles)
    return roles


def cast_one(tree: SpanTree, roles: Roles, span_id: str) -> None:
    """Settle the role of one span, its parent's being settled; but for MCP spans beside a call."""
    span, parent = tree.spans[span_id], tree.parents[span_id]
    kind = kind_of(span)
    agent = roles.agents.get(parent, "")
    if kind is Kind.AGENT_RUN:
        name = agent_of(span, kind)
        if roles.kinds.get(parent) is Kind.AGENT_RUN and roles.names[parent] == name:
            kind = Kind.OTHER  # the framework told its own run a second time
        else:
            agent, roles.names[span_id] = span_id, name
    call = _call_around(roles, parent, agent)
    if kind is Kind.TOOL_CALL and call and _repeats(tree, roles, span_id, call):
        kind, roles.twins[span_id] = Kind.OTHER, call
    roles.kinds[span_id] = kind
    roles.agents[span_id] = agent
    roles.calls[span_id] = call
    roles.outermost[span_id] = roles.outermost.get(parent) or agent


def _call_around(roles: Roles, parent: str, agent: str) -> str:
    """Nearest enclosing tool call, not seen through the wall of another agent run."""
    if roles.agents.get(parent, "") != agent:
        return ""
    return parent if roles.kinds.get(parent) is Kind.TOOL_CALL else roles.calls.get(parent, "")


def _repeats(tree: SpanTree, roles: Roles, span_id: str, call: str) -> bool:
    inner, outer = tree.spans[span_id], tree.spans[call]
    if tool_of(inner, Kind.TOOL_CALL) != tool_of(outer, Kind.TOOL_CALL):
        return False
    parent = tree.parents[span_id]
    direct = call in {parent, roles.twins.get(parent)}
    if not direct and "mcp.method.name" not in inner.attributes:
        return False
    sent, around = payload_of(inner.attributes), payload_of(outer.attributes)
    same_id = bool(sent.call_id) and sent.call_id == around.call_id
    unknown = sent.arguments is None or around.arguments is None
    return same_id or unknown or sent.arguments == around.arguments


def _pair_mcp(tree: SpanTree, roles: Roles) -> None:
    """Find MCP spans that stand beside, not inside, the call whose id they carry."""
    beside = [
        span_id
        for span_id, span in tree.spans.items()
        if roles.kinds[span_id] is Kind.TOOL_CALL and "mcp.method.name" in span.attributes
    ]
    if not beside:
        return
    calls: dict[tuple[str, str], str] = {}
    for span_id, span in tree.spans.items():
        if roles.kinds[span_id] is Kind.TOOL_CALL and "mcp.method.name" not in span.attributes:
            call_id = payload_of(span.attributes).call_id
            calls.setdefault((call_id, tool_of(span, Kind.TOOL_CALL)), span_id)
    for span_id in beside:
        span = tree.spans[span_id]
        call_id = payload_of(span.attributes).call_id
        call = calls.get((call_id, tool_of(span, Kind.TOOL_CALL))) if call_id else None
        if call:
            roles.kinds[span_id], roles.twins[span_id] = Kind.OTHER, call
