"""Expectations: the calls that a policy set says are allowed or denied, tried with the engine.

A request says what it departs in from the beginning of a run: a fact it does not name is false, 0
or absent, the user said nothing, and a sink's value was seen nowhere. It is decided by its own
policy set alone, so that a test says the same whatever other sets are in force. Properties over
all requests are no affair of this module: they are proved, not tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from mythos.engines.policy.check import covers
from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.course import Course
from mythos.engines.policy.document_number import documented, meant_arguments, meant_fact
from mythos.engines.policy.facts.kind import kind_of, sum_value
from mythos.engines.policy.facts.known import ABSENT, Absent, Known, OneOf
from mythos.engines.policy.origin_name import STRANGE, Origin, has_origin
from mythos.engines.policy.replay import Answer, answer_of
from mythos.engines.policy.request import Request
from mythos.engines.policy.shape import arguments_shape
from mythos.engines.policy.signals import Signals
from mythos.values.event import Json
from mythos.values.expected import (
    ExpectedAsked,
    ExpectedLinks,
    ExpectedRequest,
    ExpectedRun,
    ExpectedSinks,
)
from mythos.values.policy import Counted, Fact, Last, Once, PolicySet
from mythos.values.tools import ToolCatalogue

Status: TypeAlias = Literal["passed", "failed", "skipped"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEFERRED = frozenset({"node", "fleet"})


def expected_of(request: Request, *, digest: str) -> ExpectedRequest:
    """A request of which everything is known, as an entry of `expect` would write it.

    Args:
        request: such as a proof's counterexample.
        digest: of the policy set whose facts it has.
    """
    facts = request.facts.get(digest, {})
    signals, course = request.signals, request.signals.course
    seen = {origin for origins in (signals.links or {}).values() for origin in origins}
    return ExpectedRequest(
        tool=request.tool,
        agent=request.agent,
        arguments={name: documented(value) for name, value in (request.arguments or {}).items()},
        past={
            name: documented(value)
            for name, value in facts.items()
            if not isinstance(value, OneOf | Absent | None)
        },
        licensed=bool(request.licensed),
        origins={sink: min(origins).value for sink, origins in request.origins.items()},
        sinks=ExpectedSinks(referred=(signals.referred and _has_strange(request)) or None),
        asked=ExpectedAsked(deletion=bool(signals.deletion), elsewhere=bool(signals.elsewhere)),
        links=ExpectedLinks(**{origin.value: origin in seen for origin in Origin}),
        run=ExpectedRun(
            calls=course.calls,
            tokens=course.tokens,
            model_changed=course.model_changed,
            tools_changed=course.tools_changed,
            untrusted=signals.untrusted,
        ),
        repeats=course.repeats or 0,
        now=_EPOCH + timedelta(microseconds=request.now_ns // 1_000),
        depth=request.depth or 0,
    )


def is_told(fact: Fact) -> bool:
    """Whether a host knows it: a fact of a wider scope only the monitor does."""
    return fact.scope not in _DEFERRED


def _has_strange(request: Request) -> bool:
    return any(origin in STRANGE for origins in request.origins.values() for origin in origins)


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one expected call. `answer` is None where it could not be tried."""

    status: Status
    answer: Answer | None
    why: str = ""


def catalogue_of(
    request: ExpectedRequest, policy_set: PolicySet, catalogues: Iterable[ToolCatalogue]
) -> ToolCatalogue | None:
    """The first covered catalogue that declares the request's tool; None if none does."""
    covered = (one for one in catalogues if covers(policy_set, one))
    return next((one for one in covered if one.find(request.tool)), None)


def request_of(
    expected: ExpectedRequest, policy_set: PolicySet, *, digest: str, catalogue: ToolCatalogue
) -> Request:
    """The request that an expectation describes, with everything that it leaves out.

    Args:
        expected: checked (`expectation_check`): its values fit their kinds.
        policy_set: whose facts it speaks of.
        digest: of the policy set.
        catalogue: declares the tool.
    """
    tool = catalogue.find(expected.tool)
    shape = arguments_shape(tool.parameters if tool else {})
    arguments = meant_arguments(shape, expected.arguments)
    sinks = tool.sinks_of(arguments) if tool else ()
    given = {sink for sink in sinks if has_origin(arguments.get(sink))}
    return Request(
        agent=expected.agent,
        tool=expected.tool,
        arguments=arguments,
        facts={digest: _facts(expected.past, policy_set.facts, catalogue)},
        licensed=expected.licensed,
        origins={
            sink: frozenset({Origin(expected.origins.get(sink, "unknown"))})
            for sink in given | expected.origins.keys()
        },
        now_ns=(expected.now - _EPOCH) // timedelta(microseconds=1) * 1_000,
        depth=expected.depth,
        signals=_signals(expected),
    )


def _signals(expected: ExpectedRequest) -> Signals:
    """What the request says of its run, with a link for each origin that some link has."""
    run = expected.run
    linked = [origin for origin in Origin if getattr(expected.links, origin)]
    return Signals(
        deletion=expected.asked.deletion,
        elsewhere=expected.asked.elsewhere,
        referred=bool(expected.sinks.referred),
        links={f"https://{origin}.example": frozenset({origin}) for origin in linked},
        course=Course(
            calls=run.calls,
            repeats=expected.repeats,
            tokens=run.tokens,
            model_changed=run.model_changed,
            tools_changed=run.tools_changed,
        ),
        untrusted=run.untrusted,
    )


def attempt(
    expected: ExpectedRequest,
    wanted: Literal["allow", "deny"],
    policy_set: PolicySet,
    *,
    digest: str,
    engine: PolicyEngine,
) -> Tried:
    """Decide an expected call by its own policy set, and compare.

    Args:
        expected: the call; checked.
        wanted: the decision it should get.
        policy_set: the set that expects it.
        digest: of the set.
        engine: holds the set, for the catalogue that declares the tool.

    Returns:
        Skipped if the call names a fact that only the monitor knows; else passed or failed.
    """
    unknown = sorted(name for name in expected.past if not is_told(policy_set.facts[name]))
    if unknown:
        return Tried("skipped", None, f"only the monitor knows {', '.join(unknown)}")
    request = request_of(expected, policy_set, digest=digest, catalogue=engine.catalogue)
    answer = answer_of(engine.decide(request, in_force=[digest]))
    return Tried("passed" if answer.word == wanted else "failed", answer, answer.why)


def _facts(
    past: Mapping[str, Json], facts: Mapping[str, Fact], catalogue: ToolCatalogue
) -> dict[str, Known]:
    return {
        name: _known(fact, past[name], catalogue) if name in past else _nothing(fact, catalogue)
        for name, fact in facts.items()
        if is_told(fact)
    }


def _known(fact: Fact, value: Json, catalogue: ToolCatalogue) -> Known:
    if value is None:
        return ABSENT
    return meant_fact(kind_of(fact, catalogue), value)[0]


def _nothing(fact: Fact, catalogue: ToolCatalogue) -> Known:
    """What a fact is before anything happened."""
    if isinstance(fact, Last):
        return ABSENT
    if isinstance(fact, Once):
        return False
    return 0 if isinstance(fact, Counted) else sum_value(kind_of(fact, catalogue), 0)
