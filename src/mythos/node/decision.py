"""The decision point: may this agent make this call now?

    {"trace_id", "agent", "tool", "arguments", "call_id"?} ->
    {"decision": "allow" | "deny", "rules": [...], "policy_sets": [...], "missing": [...], "why": …}

It sees the spans of the trace that were committed before it; what it cannot tell, it denies. What
the user said is taken from those spans alone, never from the caller's word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import orjson
from pydantic import Field, JsonValue, ValidationError

from mythos.engines.judge.rulebook import Rulebook
from mythos.engines.policy.blocked import DeniedAttempt
from mythos.engines.policy.occasions import occasions_of
from mythos.engines.policy.request import Decision, Standing
from mythos.engines.policy.rulings import ruling_of
from mythos.engines.telemetry.catalogue import choose_catalogue
from mythos.engines.telemetry.runs import assemble
from mythos.errors import UsageError
from mythos.values.base import Value
from mythos.values.event import Event, Kind, Run, Span
from mythos.values.outcome import UNDECLARED_TOOL, Outcome, Ruling, Severity

DECISION_SPAN = "decision"


class Question(Value):
    """What is asked."""

    trace_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    agent: Annotated[str, Field(max_length=200)]
    tool: Annotated[str, Field(min_length=1, max_length=200)]
    arguments: dict[str, JsonValue]
    call_id: Annotated[str, Field(max_length=200)] = ""
    service: Annotated[str, Field(max_length=200)] = ""


@dataclass(frozen=True, slots=True)
class Ruled:
    """The answer, and the attempt to remember when it is a denial."""

    answer: dict[str, JsonValue]
    attempt: DeniedAttempt | None


def read_question(body: bytes) -> Question:
    """Parse a request.

    Raises:
        UsageError: it is no question.
    """
    try:
        return Question.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise UsageError(
            f"not a question: {where}: {first['msg']}",
            remedy='send {"trace_id": 32 hex digits, "agent", "tool", "arguments"}',
        ) from None


def answer(question: Question, rulebook: Rulebook, spans: Sequence[Span], *, now_ns: int) -> Ruled:
    """Decide one call by what the trace shows so far.

    Args:
        question: the call.
        rulebook: what this node judges by.
        spans: every committed span of the trace.
        now_ns: Unix nanoseconds.
    """
    run = _run_so_far(question, spans, now_ns=now_ns)
    catalogue = choose_catalogue(run, rulebook.catalogues)
    if catalogue is None:
        return _refuse(question, "no tool catalogue declares this tool", now_ns=now_ns)
    [occasion] = [one for one in occasions_of(run, catalogue) if one.event.span_id == DECISION_SPAN]
    enforced = rulebook.in_force(question.agent)
    sets = {digest: rulebook.policies[digest] for digest in enforced}
    decision = rulebook.engines[catalogue.domain].decide(occasion.request(sets), in_force=enforced)
    if decision.allowed:
        return Ruled(_told(decision, "allow"), None)
    rulings = tuple(
        ruling_of(occasion, verdict, outcome=Outcome.BLOCKED)
        for verdict in decision.verdicts
        if verdict.standing is not Standing.UPHELD
    )
    return Ruled(_told(decision, "deny"), _attempt(question, rulings, now_ns=now_ns))


def _run_so_far(question: Question, spans: Sequence[Span], *, now_ns: int) -> Run:
    """The trace as committed, with the call in question as its newest event."""
    runs = assemble(spans)
    known = next((run for run in runs if run.agent == question.agent), None) or next(
        iter(runs), None
    )
    resource = known.root.resource if known else {"service.name": question.service}
    asked = Event(
        trace_id=question.trace_id,
        span_id=DECISION_SPAN,
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
    events = known.events if known else ()
    return Run(question.trace_id, known.root if known else asked, (*events, asked), now_ns)


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


def _refuse(question: Question, why: str, *, now_ns: int) -> Ruled:
    told: dict[str, JsonValue] = {
        "decision": "deny",
        "rules": [UNDECLARED_TOOL],
        "policy_sets": [],
        "missing": [],
        "why": why,
    }
    return Ruled(told, _attempt(question, (), now_ns=now_ns))


def _attempt(question: Question, rulings: tuple[Ruling, ...], *, now_ns: int) -> DeniedAttempt:
    return DeniedAttempt(
        question.agent, question.tool, question.call_id, question.arguments, now_ns, rulings
    )


def attempt_to_json(attempt: DeniedAttempt) -> str:
    """How the store keeps a denial."""
    return orjson.dumps(asdict(attempt)).decode()


def attempt_of_json(text: str) -> DeniedAttempt:
    """Read a kept denial."""
    stored: dict[str, Any] = orjson.loads(text)
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
