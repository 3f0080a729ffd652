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
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any

from pydantic import Field, JsonValue, ValidationError

from mythos.engines.judge.grants import Grant, Granted
from mythos.engines.judge.open_run import KeptRuns
from mythos.engines.judge.recollection import Recollection
from mythos.engines.judge.rulebook import Rulebook
from mythos.engines.judge.sight import Sight
from mythos.engines.policy.blocked import DeniedAttempt
from mythos.engines.policy.request import Decision, Standing
from mythos.engines.policy.rulings import ruling_of
from mythos.errors import UsageError
from mythos.values.base import Value
from mythos.values.event import Event, Kind, Span
from mythos.values.json_text import repeats_a_key
from mythos.values.outcome import DEFAULT_RULE, UNDECLARED_TOOL, Outcome, Ruling, Severity

SKEW_NS = 5 * 60 * 10**9
_AHEAD = (
    "spans of this trace lie more than 5 minutes in the future, so what happened before this call "
    "cannot be told; set the clocks of the agent's host and of the node"
)


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
    newest_ns: int = 0,
    granted: Granted | None = None,
    recollection: Recollection | None = None,
    kept: KeptRuns | None = None,
) -> Ruled:
    """Decide one call by what the trace shows so far.

    Args:
        question: the call.
        rulebook: what this node judges by.
        spans: every committed span of the trace, as they came.
        now_ns: Unix nanoseconds.
        newest_ns: when the last of these spans ends, by the clocks of those who sent them.
        granted: calls of the trace that were allowed before.
        recollection: what earlier runs left for facts that reach beyond one run.
        kept: unfinished runs as earlier questions saw them; they only save work.
    """
    grant = _grant(question, n_spans=len(spans), now_ns=now_ns)
    if newest_ns > now_ns + SKEW_NS:
        return _refuse(question, rulebook, DEFAULT_RULE, _AHEAD, now_ns=now_ns)
    now_ns = max(now_ns, newest_ns)  # the sender's clock is ahead: what it told has happened
    call = _call(question, spans, now_ns=now_ns)
    granted = Granted() if granted is None else granted
    seen = Sight(call, grant, spans, granted, rulebook, recollection).seen(kept)
    enforced = rulebook.in_force(question.agent)
    if seen is None or (not enforced and seen.catalogue.find(question.tool) is None):
        why = f"no tool catalogue declares {question.tool}"
        return _refuse(question, rulebook, UNDECLARED_TOOL, why, now_ns=now_ns)
    engine = rulebook.engines[seen.catalogue.domain]
    request = replace(seen.occasion.request, depth=question.depth)
    decision = engine.decide(request, in_force=enforced)
    if decision.allowed:
        return Ruled(_told(decision, "allow"), granted=grant)
    rulings = tuple(
        ruling_of(seen.occasion, verdict, outcome=Outcome.BLOCKED)
        for verdict in decision.verdicts
        if verdict.standing is not Standing.UPHELD
    )
    return Ruled(_told(decision, "deny"), _denied(question, rulings, now_ns=now_ns))


def _asked_id(question: Question, now_ns: int) -> str:
    """Names one question, so that two of them are two actions and two samples."""
    named = (question.trace_id, question.agent, question.tool, question.call_id, str(now_ns))
    return "asked-" + hashlib.sha256("\0".join(named).encode()).hexdigest()[:16]


def _call(question: Question, spans: Sequence[Span], *, now_ns: int) -> Event:
    """The call in question as the newest event of its run."""
    return Event(
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
        resource=spans[0].resource if spans else {"service.name": question.service},
    )


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


def _refuse(question: Question, rulebook: Rulebook, rule: str, why: str, *, now_ns: int) -> Ruled:
    """Deny what cannot be judged; every set in force counts it, so it is a finding too."""
    rulings = tuple(
        Ruling(
            policy_set=rulebook.policies[digest].policy_set,
            digest=digest,
            span_id=_asked_id(question, now_ns),
            agent=question.agent,
            tool=question.tool,
            start_ns=now_ns,
            outcome=Outcome.BLOCKED,
            rule=rule,
            rules=(rule,),
            why=why,
        )
        for digest in rulebook.in_force(question.agent)
    )
    told: dict[str, JsonValue] = {
        "decision": "deny",
        "rules": [rule],
        "policy_sets": [ruling.policy_set for ruling in rulings],
        "missing": [],
        "why": why,
    }
    return Ruled(told, _denied(question, rulings, now_ns=now_ns))


def _grant(question: Question, *, n_spans: int, now_ns: int) -> Grant:
    return Grant(
        agent=question.agent,
        tool=question.tool,
        call_id=question.call_id,
        arguments=question.arguments,
        at_ns=now_ns,
        n_spans=n_spans,
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
