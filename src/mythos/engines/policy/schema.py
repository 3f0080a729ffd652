"""Cedar schema of a tool catalogue: what a rule may speak of, so that a typo is an error.

| in a rule                    | is                                                               |
|------------------------------|------------------------------------------------------------------|
| `principal`                  | `Agent::"name"`: the nearest enclosing agent                     |
| `action`                     | `Action::"tool"`: one for each tool of the catalogue             |
| `resource`                   | `Tool::"tool"`: the same name; it has no attributes yet          |
| `context.input.X`            | the call's argument X (see `arguments`)                          |
| `context.past.F`             | the fact F that this policy set declares: Bool for `once`, Long  |
|                              | for `count`, Long or decimal for `sum`; for `last` an attribute  |
|                              | that is absent until a value is seen (`facts.kind`)              |
| `context.now`                | datetime: when the call begins                                   |
| `context.depth`              | Long: how many agents enclose the one that acts                  |
| `context.licensed`           | Bool: the user spoke of what the tool does (see `licence`)       |
| `context.origin.S`           | String: where the value of the sink argument S was seen: user,   |
|                              | trusted, untrusted, unknown; absent where the call has no such S |
| `context.sinks.untrusted`    | Bool: some sink's value has that origin; also `.user`,           |
|                              | `.trusted` and `.unknown`. An undeclared argument of a           |
|                              | consequential tool counts for `.untrusted` and `.unknown`        |
| `context.asked`, `.links`,   | what the run shows around the call (see `signals`)               |
| `.run`, `.repeats`           |                                                                  |
| `context.tool.effect`        | String: none, read, write, delete or egress                      |
| `context.tool.consequential` | Bool: the effect is write, delete or egress                      |
| `context.tool.domain`        | String: the catalogue's domain                                   |
| `context.tool.trust`         | String: trusted, fields or untrusted: whose the output is        |

    @id("cancel-confirmed") @severity("critical")
    permit(principal, action == Action::"cancel_pending_order", resource)
    when { context.past.confirmed && context.input.reason == "no longer needed" };

Money is best sent in integer cents: Cedar has 64-bit integers and four-place decimals, no floats.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import cast

from pydantic import JsonValue

from mythos.engines.policy.facts.kind import FactKind, cedar_kind, fact_schema
from mythos.engines.policy.shape import arguments_shape, cedar_type
from mythos.values.tools import Tool, ToolCatalogue

AGENT = "Agent"
TOOL = "Tool"
ORIGINS = ("user", "trusted", "unknown", "untrusted")

_BOOL: dict[str, JsonValue] = {"type": "Boolean"}
_TEXT: dict[str, JsonValue] = {"type": "String"}
_LONG: dict[str, JsonValue] = {"type": "Long"}

Kinds = Mapping[str, tuple[FactKind, bool]]
"""Facts by name: their kind, and whether the attribute may be absent."""


def rule_schema(
    catalogue: ToolCatalogue, facts: Kinds, *, elsewhere: Collection[str] = ()
) -> dict[str, JsonValue]:
    """The schema that the rules of one policy set must fit, in Cedar's JSON format.

    Args:
        catalogue: the tools.
        facts: the facts the policy set declares.
        elsewhere: tools of other catalogues it names; known as actions that never occur here.
    """
    past = {"past": fact_schema(facts)}
    never: JsonValue = {"appliesTo": {"principalTypes": [], "resourceTypes": []}}
    actions: dict[str, JsonValue] = dict.fromkeys(elsewhere, never)
    actions.update((tool.name, _action(_context(tool) | past)) for tool in catalogue.tools)
    return _schema(actions)


def request_schema(catalogue: ToolCatalogue, pasts: Mapping[str, Kinds]) -> dict[str, JsonValue]:
    """The schema that requests are checked against: the facts of several policy sets at once.

    Args:
        catalogue: the tools.
        pasts: for each record that stands for a policy set's `past`, its facts.

    Returns:
        A schema in which every part of the context, fact and argument is optional: a request
        holds what the rules at hand read. That required arguments are there is `arguments`' care.
    """
    records = {
        record: fact_schema({name: (kind, True) for name, (kind, _) in facts.items()})
        for record, facts in pasts.items()
    }
    actions: dict[str, JsonValue] = {}
    for tool in catalogue.tools:
        parts = _context(tool)
        fields = arguments_shape(tool.parameters).fields or {}
        parts["input"] = _record(
            _optional({name: cedar_type(each) for name, each in fields.items()})
        )
        actions[tool.name] = _action(_optional(parts | records))
    return _schema(actions)


def context_types(schema: Mapping[str, JsonValue]) -> dict[str, Mapping[str, JsonValue]]:
    """The type that a schema of this module gives the context of each tool's calls."""
    space = cast("dict[str, dict[str, dict[str, dict[str, JsonValue]]]]", schema[""])
    return {
        tool: cast("Mapping[str, JsonValue]", action["appliesTo"]["context"])
        for tool, action in space["actions"].items()
    }


def _schema(actions: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    entities: JsonValue = {AGENT: {}, TOOL: {}}
    return {"": {"entityTypes": entities, "actions": dict(actions)}}


def _action(context: Mapping[str, JsonValue]) -> JsonValue:
    return {
        "appliesTo": {
            "principalTypes": [AGENT],
            "resourceTypes": [TOOL],
            "context": _record(context),
        }
    }


def _context(tool: Tool) -> dict[str, dict[str, JsonValue]]:
    return {
        "input": cedar_type(arguments_shape(tool.parameters)),
        "licensed": _BOOL,
        "origin": _record({sink: {**_TEXT, "required": False} for sink in tool.sinks}),
        "sinks": _record(dict.fromkeys((*ORIGINS, "referred"), _BOOL)),
        "tool": _record({"effect": _TEXT, "consequential": _BOOL, "domain": _TEXT, "trust": _TEXT}),
        "now": cedar_kind("datetime"),
        "depth": _LONG,
        "asked": _record({"deletion": _BOOL, "elsewhere": _BOOL}),
        "links": _record(dict.fromkeys(ORIGINS, _BOOL)),
        "run": _record(
            {
                "calls": _LONG,
                "tokens": _LONG,
                "model_changed": _BOOL,
                "tools_changed": _BOOL,
                "untrusted": _BOOL,
            }
        ),
        "repeats": _LONG,
    }


def _optional(parts: Mapping[str, dict[str, JsonValue]]) -> dict[str, JsonValue]:
    return {name: {**part, "required": False} for name, part in parts.items()}


def _record(attributes: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {"type": "Record", "attributes": dict(attributes)}
