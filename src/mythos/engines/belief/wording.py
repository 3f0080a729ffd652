"""Wording: a reason is a code and facts; its sentence is rendered from exactly those facts.

No sentence is written any other way, so each number a person reads can be found in `facts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from types import MappingProxyType

from pydantic import JsonValue

from mythos.values.recommendation import Reason

_VERBS = {
    "upholds": {"policy": "upholds", "workflow": "follows"},
    "upheld": {"policy": "upheld", "workflow": "followed"},
    "broke": {"policy": "broke", "workflow": "strayed from"},
}
_P = "P({kind:upholds} >= {tau:tau}) {p:p}"
_UPHELD = "In {environment} the {agent} agent {kind:upheld} {construct} in {kept:n} of {runs:runs}"
_BROKE = "In {environment} the {agent} agent {kind:broke} {construct} in {broken:n} of {runs:runs}"
_UNSEEN = (
    "The {agent} agent has no runs against {construct} in {environment} yet: what is known "
    "elsewhere gives " + _P
)

TEMPLATES: Mapping[str, str] = MappingProxyType(
    {
        "CERTIFIED": _UPHELD + ": " + _P + ", so it may run there.",
        "BROKEN": _BROKE + ": " + _P + ", so it may not run there.{also:also}",
        "UNCERTAIN": _UPHELD + ": " + _P + "; the doubt over all its policy sets and workflows is "
        "{risk:share}, above the allowed {alpha:share}, so it may run there only as a canary."
        "{also:also}",
        "FEW_RUNS": _UPHELD + ": " + _P + ", but {own_runs:n} of its own runs count there and "
        "{min_runs:n} are needed, so it may run there only as a canary.",
        "UNSEEN": _UNSEEN + ", so it may run there only as a canary.",
        "UNSEEN_DOUBTED": _UNSEEN + ", so it may not run there.",
        "NO_EXPLORE": "In {environment} canaries are switched off (no_explore), and the {agent} "
        "agent is not certified there ({construct}: " + _P + "), so it may not run there.",
        "NO_CONSTRUCT": "The {agent} agent names no policy set and no workflow, so nothing can "
        "certify it and it may run in {environment} only as a canary.",
        "NO_CONSTRUCT_NO_EXPLORE": "The {agent} agent names no policy set and no workflow, so "
        "nothing can certify it, and in {environment} canaries are switched off (no_explore).",
        "LABEL_MISSING": "{environment} lacks {labels:list}, so the {agent} agent may not run "
        "there.",
        "INCOHERENT": "The policy sets of the {agent} agent contradict each other, so it may run "
        "nowhere until they are changed.",
    }
)


class _Prose(Formatter):
    """Formats facts for people: probabilities, shares, counts, lists, verbs of a kind."""

    def format_field(self, value: object, format_spec: str) -> str:
        if format_spec in _VERBS:
            return _VERBS[format_spec][str(value)]
        if format_spec == "list" and isinstance(value, (list, tuple)):
            return _listed([str(item) for item in value])
        if format_spec == "also" and isinstance(value, (list, tuple)):
            return f" Also in doubt: {_listed([str(item) for item in value])}." if value else ""
        if isinstance(value, (int, float)):
            return _number(value, format_spec)
        return str(value)


def render(template: str, facts: Mapping[str, object]) -> str:
    """The sentence of a template; formats are p, tau, share, n, runs, list, also or a verb."""
    return _Prose().vformat(template, (), facts)


def reason(
    code: str,
    *,
    environment: str = "",
    agent: str = "",
    facts: Mapping[str, JsonValue],
    templates: Mapping[str, str] = TEMPLATES,
) -> Reason:
    """A reason with its sentence.

    Args:
        code: a key of `templates`.
        environment: environment it speaks of, may be empty.
        agent: agent it speaks of, may be empty.
        facts: every value that the template names beside those two.
        templates: sentences by code.

    Returns:
        The reason; `text` is rendered from its fields and nothing else.
    """
    known = {**facts, "environment": environment, "agent": agent}
    return Reason(
        code=code,
        environment=environment,
        agent=agent,
        text=render(templates[code], known),
        facts=dict(facts),
    )


def _number(value: float, spec: str) -> str:
    match spec:
        case "p":
            return _probability(value)
        case "tau":
            return f"{value:.2f}" if round(value, 2) == round(value, 6) else f"{value:g}"
        case "share":
            return f"{value:.2f}"
        case "clean":
            return f"{_count(value)} more clean {'run' if value == 1 else 'runs'}"
        case "runs" | "replicas" | "nodes" | "agents":
            return f"{_count(value)} {spec[:-1] if value == 1 else spec}"
        case _:
            return _count(value)


def _count(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:.2f}".rstrip("0")


def _probability(value: float) -> str:
    if value < 0.01:
        return "< 0.01"
    return "> 0.99" if value > 0.99 else f"= {value:.2f}"


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]
