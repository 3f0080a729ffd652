"""Exceptions: the next version of a policy set, which lets one kind of call through for a time.

Law: nothing else changes. An `unless` on the rule that denied, or a `permit` where no rule allowed
the call, names the agent, the tool, the arguments that matter with their values, and the end. The
new version promises so itself: `expect` entries say that the call is allowed before the end, denied
after it, and denied with another value. They are tried before the version is given out. A promise
of the set that the exception would break (`never: allow`) leaves out that one call, and says so.

A call whose arguments do not fit the tool's schema no rule can let through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

from mythos.engines.policy.arguments import cedar_arguments
from mythos.engines.policy.cedar_literal import (
    cedar_key,
    cedar_literal,
    cedar_path,
    cedar_string,
)
from mythos.engines.policy.exception_pins import Trial, breaks, other_arguments, scene_of
from mythos.engines.policy.rule import Rule, rules_of
from mythos.engines.policy.rule_edit import with_clause, with_rule
from mythos.engines.policy.shape import arguments_shape
from mythos.errors import PolicyError
from mythos.values.expected import ExpectedRequest
from mythos.values.outcome import DEFAULT_RULE, INVALID_ARGUMENTS
from mythos.values.policy import Expectation, PolicySet
from mythos.values.tools import Tool, ToolCatalogue

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Excuse:
    """One call to let through until a moment.

    `rule` is the rule it was charged to. `arguments` are those that matter; `sent` is the whole
    call. `missing` names facts that are known not to have held. `name` is the exception's own.
    """

    name: str
    agent: str
    tool: str
    rule: str
    until: datetime
    arguments: Mapping[str, JsonValue] = field(default_factory=dict)
    sent: Mapping[str, JsonValue] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def with_exceptions(
    policy_set: PolicySet, excuses: Iterable[Excuse], catalogue: ToolCatalogue
) -> PolicySet:
    """The next version of a policy set with these exceptions and the promises that pin them.

    Args:
        policy_set: the version that denied the calls.
        excuses: what to let through, each until its own end.
        catalogue: declares the tools of the calls.

    Returns:
        The set with `version` one higher; its new `expect` entries hold.

    Raises:
        PolicyError: an exception cannot be written, or would not be enough; says what else denies.
    """
    made = policy_set
    for excuse in excuses:
        made = _with_exception(made, excuse, catalogue)
    return made.model_copy(update={"version": policy_set.version + 1})


def _with_exception(policy_set: PolicySet, excuse: Excuse, catalogue: ToolCatalogue) -> PolicySet:
    tool = catalogue.find(excuse.tool)
    rule = next((each for each in rules_of(policy_set) if each.id == excuse.rule), None)
    if tool is None or (rule is None and excuse.rule != DEFAULT_RULE):
        raise PolicyError(
            f"no rule of {policy_set.policy_set} can let this call through: {excuse.rule}",
            remedy=f"declare what {excuse.tool} takes in the catalogue {catalogue.domain}"
            if excuse.rule == INVALID_ARGUMENTS
            else f"declare the tool {excuse.tool} in the catalogue {catalogue.domain}",
        )
    until = excuse.until.astimezone(UTC).replace(microsecond=0)
    condition = _condition(excuse, tool, until)
    old = Trial.of(policy_set, catalogue)
    made = policy_set if rule is None else _amended(policy_set, rule, condition)
    request = _request(excuse, until - _SECOND)
    scene = scene_of(old, Trial.of(made, catalogue), request, excuse.rule, excuse.missing)
    if scene is None and any(each.permits for each in rules_of(policy_set)):
        made = _permitted(made, excuse, condition)
        scene = scene_of(old, Trial.of(made, catalogue), request, excuse.rule, excuse.missing)
    if scene is None:
        raise _still_denied(policy_set, excuse)
    kept = tuple(
        _narrowed(each, condition) if breaks(each, Trial.of(made, catalogue), request) else each
        for each in made.expect
    )
    made = made.model_copy(update={"expect": kept})
    return _pinned(made, excuse, scene, until=until, old=old, catalogue=catalogue)


def _narrowed(promise: Expectation, condition: str) -> Expectation:
    """The promise for every call but the excused one."""
    apart = f"!({condition})"
    when = f"({promise.when}) && {apart}" if promise.when else apart
    return promise.model_copy(update={"when": when})


def _condition(excuse: Excuse, tool: Tool, until: datetime) -> str:
    parts = [
        f"principal == Agent::{cedar_string(excuse.agent)}",
        f"action == Action::{cedar_string(excuse.tool)}",
        *(
            part
            for name, value in _literals(excuse, tool).items()
            for part in (
                f"context.input has {cedar_key(name)}",
                f"{cedar_path('input', name)} == {value}",
            )
        ),
        f'context.now < datetime("{until:%Y-%m-%dT%H:%M:%SZ}")',
    ]
    return " &&\n    ".join(parts)


def _literals(excuse: Excuse, tool: Tool) -> dict[str, str]:
    """The values that matter, as Cedar writes them."""
    shape = arguments_shape(tool.parameters)
    record, misfits = cedar_arguments(shape, excuse.sent)
    wrong = [name for name in excuse.arguments if name not in record or "\\" in cedar_string(name)]
    if wrong or misfits:
        seen = "; ".join(misfits) or f"argument {wrong[0]} has no form in Cedar"
        raise PolicyError(
            f"the call does not fit the schema of {tool.name}: {seen}",
            remedy="correct the tool's schema, or change the rule by hand",
        )
    return {name: cedar_literal(record[name]) for name in sorted(excuse.arguments)}


def _amended(policy_set: PolicySet, rule: Rule, condition: str) -> PolicySet:
    """The set with an `unless` at the end of a rule."""
    return with_clause(policy_set, rule, f"unless {{\n    {condition} }}")


def _permitted(policy_set: PolicySet, excuse: Excuse, condition: str) -> PolicySet:
    """The set with a `permit` of its own for the call."""
    return with_rule(
        policy_set,
        f"@id({cedar_string(excuse.name)})\n"
        f"@explain({cedar_string(f'Exception to {excuse.rule} until {excuse.until:%Y-%m-%d}.')})\n"
        f"permit (principal, action == Action::{cedar_string(excuse.tool)}, resource)\n"
        f"when {{\n    {condition} }};",
    )


def _request(excuse: Excuse, now: datetime) -> ExpectedRequest:
    return ExpectedRequest(
        tool=excuse.tool, agent=excuse.agent, arguments=dict(excuse.sent), now=now
    )


def _pinned(
    made: PolicySet,
    excuse: Excuse,
    scene: ExpectedRequest,
    *,
    until: datetime,
    old: Trial,
    catalogue: ToolCatalogue,
) -> PolicySet:
    """The set with the promises that pin the exception, all of which hold."""
    after = scene.model_copy(update={"now": until})
    entries = [
        _expect(f"{excuse.name}: allowed before its end", scene, "allow"),
        _expect(f"{excuse.name}: denied after its end", after, "deny"),
    ]
    for other in other_arguments(scene, excuse.arguments, old):
        entries.append(_expect(f"{excuse.name}: denied with another value", other, "deny"))
        break
    stranger = scene.model_copy(update={"agent": f"{scene.agent}-other"})
    if old.word(stranger) == "deny":
        entries.append(_expect(f"{excuse.name}: denied to another agent", stranger, "deny"))
    trial = Trial.of(made, catalogue)
    failed = [
        one.name for one in entries if one.request and trial.word(one.request) != one.decision
    ]
    if failed:
        raise PolicyError(
            f"the exception would not hold: {failed[0]}", remedy="change the rule by hand"
        )
    return made.model_copy(update={"expect": (*made.expect, *entries)})


def _expect(name: str, request: ExpectedRequest, decision: str) -> Expectation:
    return Expectation.model_validate(
        {
            "name": name,
            "request": request.model_dump(mode="json", exclude_defaults=True),
            "decision": decision,
        }
    )


def _still_denied(policy_set: PolicySet, excuse: Excuse) -> PolicyError:
    return PolicyError(
        f"{policy_set.policy_set} would deny this call still, for another reason than "
        f"{excuse.rule}, or what was kept of it does not show why it was denied",
        remedy="mark the other rule's violation too, or change the rule by hand",
    )
