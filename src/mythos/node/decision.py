"""The decision point: may this agent make this call now?

    {"trace_id", "agent", "tool", "arguments", "call_id"?, "service"?, "depth"?} ->
    {"decision": "allow" | "deny", "rules": [...], "policy_sets": [...], "missing": [...], "why": …}

It sees the spans of the trace that were committed before it, and the calls that it allowed and that
are still in flight (`grants`); what it cannot tell, it denies. What
the user said is taken from those spans alone, never from the caller's word. A run that goes on has
not sent its own root yet, so a stand-in takes its place; runs of the agent that have ended are
other runs, and their facts are not this one's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any

from pydantic import Field, JsonValue, ValidationError

from mythos.engines.judge.recollection import Recollection
from mythos.engines.judge.rulebook import Rulebook
from mythos.engines.policy.blocked import DeniedAttempt
from mythos.engines.policy.occasions import occasions_of
from mythos.engines.policy.request import Decision, Standing
from mythos.engines.policy.rulings import ruling_of
from mythos.engines.telemetry.catalogue import choose_catalogue
from mythos.engines.telemetry.dialect import agent_of, kind_of
from mythos.engines.telemetry.runs import assemble
from mythos.errors import UsageError
from mythos.node.grants import Grant, in_flight
from mythos.values.base import Value
from mythos.values.event import Event, Kind, Run, Span
from mythos.values.json_text import repeats_a_key
from mythos.values.outcome import UNDECLARED_TOOL, Outcome, Ruling, Severity


class Question(Value):
    """What is asked."""

    trace_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    agent: Annotated[str, Field(max_length=200)]
    tool: Annotated[str, Field(min_length=1, max_length=200)]
    arguments: dict[str, JsonValue]
    call_id: Annotated[str, Field(max_length=200)] = ""
    service: Annotated[str, Field(max_length=200)] = ""
    depth: Annotated[int, Field(ge=0, le=1_000)] | None = None


@dataclass(frozen=True, slots=True)
class Ruled:
    """The answer, and what to remember: a denied attempt, or a call that was allowed."""

    answer: dict[str, JsonValue]
    attempt: DeniedAttempt | None = None
    granted: Grant | None = None


def read_question(body: bytes) -> Question:
    """Parse a request.

    Raises:
        UsageError: it is no question.
    """
    try:
        question = Question.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise UsageError(
            f"not a question: {where}: {first['msg']}",
            remedy='send {"trace_id": 32 hex digits, "agent", "tool", "arguments"}',
        ) from None
    if repeats_a_key(body.decode()):
        raise UsageError(
            "not a question: an object gives one key more than once",
            remedy="send each key once, for the tool may read another value than was judged",
        )
    return question


def answer(
    question: Question,
    rulebook: Rulebook,
    spans: Sequence[Span],
    *,
    now_ns: int,
    granted: Sequence[Grant] = (),
    recollection: Recollection | None = None,
) -> Ruled:
    """Decide one call by what the trace shows so far.

    Args:
        question: the call.
        rulebook: what this node judges by.
        spans: every committed span of the trace.
        now_ns: Unix nanoseconds.
        granted: calls of the trace that were allowed before.
        recollection: what earlier runs left for facts that reach beyond one run.
    """
    grant = _grant(question, spans, now_ns=now_ns)
    runs, root = _so_far(question, spans)
    seen = [event for run in runs for event in run.events]
    known = next((run for run in runs if run.root.span_id == root), None)
    resource = spans[0].resource if spans else {"service.name": question.service}
    flying = in_flight(granted, seen, grant)
    run = _with_calls(question, known, flying, resource, now_ns=now_ns)
    catalogue = choose_catalogue(run, rulebook.catalogues)
    enforced = rulebook.in_force(question.agent)
    if catalogue is None or (not enforced and catalogue.find(question.tool) is None):
        return _refuse(question, rulebook, now_ns=now_ns)
    asked = _asked_id(question, now_ns)
    engine = rulebook.engines[catalogue.domain]
    past = recollection.past(catalogue.domain) if recollection else None
    [occasion] = occasions_of(run, engine, past=past, only=asked).found
    request = replace(occasion.request, depth=question.depth)
    decision = engine.decide(request, in_force=enforced)
    if decision.allowed:
        return Ruled(_told(decision, "allow"), granted=grant)
    rulings = tuple(
        ruling_of(occasion, verdict, outcome=Outcome.BLOCKED)
        for verdict in decision.verdicts
        if verdict.standing is not Standing.UPHELD
    )
    return Ruled(_told(decision, "deny"), _denied(question, rulings, now_ns=now_ns))


def _asked_id(question: Question, now_ns: int) -> str:
    """Names one question, so that two of them are two actions and two samples."""
    named = (question.trace_id, question.agent, question.tool, question.call_id, str(now_ns))
    return "asked-" + hashlib.sha256("\0".join(named).encode()).hexdigest()[:16]


def _with_calls(
    question: Question,
    known: Run | None,
    flying: Sequence[Grant],
    resource: Mapping[str, JsonValue],
    *,
    now_ns: int,
) -> Run:
    """The run in progress as committed, calls in flight, and the call in question as its newest."""
    call = Event(
        trace_id=question.trace_id,
        span_id=_asked_id(question, now_ns),
        parent_id="",
        kind=Kind.TOOL_CALL,
        name=question.tool,
        start_ns=now_ns,
        end_ns=now_ns,
        agent=question.agent,
        tool=question.tool,
        call_id=question.call_id,
        arguments=question.arguments,
        resource=resource,
    )
    others = [
        replace(
            call,
            span_id=f"granted-{number}",
            name=grant.tool,
            start_ns=grant.at_ns,
            end_ns=now_ns + 1,
            agent=grant.agent,
            tool=grant.tool,
            call_id=grant.call_id,
            arguments=grant.arguments,
        )
        for number, grant in enumerate(flying)
    ]
    if known is None:
        return Run(question.trace_id, call, (*others, call), now_ns)
    return Run(question.trace_id, known.root, (*known.events, *others, call), now_ns)


def _so_far(question: Question, spans: Sequence[Span]) -> tuple[list[Run], str]:
    """The runs of a trace: those that ended, and what has not under a stand-in for its root.

    Returns:
        All runs, and the span id of that stand-in; no run has it if everything has ended.
    """
    held = {span.span_id for span in spans}
    tops = [span for span in spans if span.parent_id not in held]
    ended = {span.span_id for span in tops if _has_ended(question, span)}
    adopted = {span.span_id for span in tops} - ended
    stand_in = hashlib.sha256(question.trace_id.encode()).hexdigest()[:16]
    if not adopted:
        return assemble(spans), stand_in
    root = Span(
        trace_id=question.trace_id,
        span_id=stand_in,
        parent_id="",
        name="invoke_agent",
        start_ns=min(span.start_ns for span in spans),
        end_ns=max(span.end_ns for span in spans),
        attributes={
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": question.agent,
        },
        resource=spans[0].resource,
    )
    family = [
        replace(span, parent_id=stand_in) if span.span_id in adopted else span for span in spans
    ]
    return assemble([root, *family]), stand_in


def _has_ended(question: Question, top: Span) -> bool:
    """Whether a span without a parent here is a run of its own that is over."""
    if kind_of(top) is not Kind.AGENT_RUN:
        return False
    return not top.parent_id or agent_of(top, Kind.AGENT_RUN) == question.agent


def _told(decision: Decision, word: str) -> dict[str, JsonValue]:
    deciding = [one for one in decision.verdicts if one.standing is not Standing.UPHELD]
    shown = deciding or list(decision.verdicts)
    return {
        "decision": word,
        "rules": [*(one.rule for one in shown)],
        "policy_sets": [*(one.policy_set for one in shown)],
        "missing": [*sorted({name for one in shown for name in one.missing})],
        "why": "; ".join(one.why for one in shown if one.why),
    }


def _refuse(question: Question, rulebook: Rulebook, *, now_ns: int) -> Ruled:
    """Deny what nobody declared; every set in force counts it, so it is a finding too."""
    why = f"no tool catalogue declares {question.tool}"
    rulings = tuple(
        Ruling(
            policy_set=rulebook.policies[digest].policy_set,
            digest=digest,
            span_id=_asked_id(question, now_ns),
            agent=question.agent,
            tool=question.tool,
            start_ns=now_ns,
            outcome=Outcome.BLOCKED,
            rule=UNDECLARED_TOOL,
            rules=(UNDECLARED_TOOL,),
            why=why,
        )
        for digest in rulebook.in_force(question.agent)
    )
    told: dict[str, JsonValue] = {
        "decision": "deny",
        "rules": [UNDECLARED_TOOL],
        "policy_sets": [ruling.policy_set for ruling in rulings],
        "missing": [],
        "why": why,
    }
    return Ruled(told, _denied(question, rulings, now_ns=now_ns))


def _grant(question: Question, spans: Sequence[Span], *, now_ns: int) -> Grant:
    return Grant(
        agent=question.agent,
        tool=question.tool,
        call_id=question.call_id,
        arguments=question.arguments,
        at_ns=now_ns,
        known=frozenset(span.span_id for span in spans),
    )


def _denied(question: Question, rulings: tuple[Ruling, ...], *, now_ns: int) -> DeniedAttempt:
    return DeniedAttempt(
        question.agent, question.tool, question.call_id, question.arguments, now_ns, rulings
    )


def attempt_to_json(attempt: DeniedAttempt) -> str:
    """How the store keeps a denial; Python's JSON, since arguments may hold any number."""
    return json.dumps(asdict(attempt))


def attempt_of_json(text: str) -> DeniedAttempt:
    """Read a kept denial."""
    stored: dict[str, Any] = json.loads(text)
    stored["rulings"] = tuple(
        Ruling(
            **{
                **one,
                "outcome": Outcome(one["outcome"]),
                "severity": Severity(one["severity"]),
                "rules": tuple(one["rules"]),
                "missing": tuple(one["missing"]),
            }
        )
        for one in stored["rulings"]
    )
    return DeniedAttempt(**stored)
