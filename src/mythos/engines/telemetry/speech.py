"""What the user said in a run: each user message part once, at the first span that carries it.

Models are sent the history again and again, whole or only what is new. With H the texts so far
and U those of the next model call: if U begins with H the rest is new; if U is a beginning of H
nothing is; else the sender writes only news and all of U is new. Other spans may claim texts that
no model call carries. Law: words put into a nested agent's or a tool's mouth are not the user's,
even under the user role: only agents no model drives are looked through (a wrapper, a hand-off).
"""

from __future__ import annotations

from collections.abc import Sequence

from mythos.engines.telemetry.messages import texts_of
from mythos.engines.telemetry.roles import Roles
from mythos.engines.telemetry.spantree import SpanTree
from mythos.values.event import Kind


def first_said(tree: SpanTree, roles: Roles, members: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Map span ids of a run, given in (start, id) order, to the user texts first seen there."""
    driven = {roles.agents[m] for m in members if roles.kinds[m] is Kind.MODEL_CALL}
    hearing = _hearing(tree, roles, members, driven)
    heard = [m for m in members if not roles.calls[m] and roles.agents[m] in hearing]
    news: dict[str, tuple[str, ...]] = {}
    history: list[str] = []
    for span_id in heard:
        if roles.kinds[span_id] is Kind.MODEL_CALL:
            texts = texts_of(tree.spans[span_id], Kind.MODEL_CALL)
            news[span_id] = _new(history, texts)
            history.extend(news[span_id])
    said = set(history)
    for span_id in heard:
        if roles.kinds[span_id] is not Kind.MODEL_CALL:
            claims = dict.fromkeys(texts_of(tree.spans[span_id], roles.kinds[span_id]))
            news[span_id] = tuple([t for t in claims if t not in said and (t or not said)])
            said.update(claims)
    return news


def _new(history: list[str], texts: tuple[str, ...]) -> tuple[str, ...]:
    if list(texts[: len(history)]) == history:
        return texts[len(history) :]
    if history[: len(texts)] == list(texts):
        return ()
    return texts


def _hearing(tree: SpanTree, roles: Roles, members: Sequence[str], driven: set[str]) -> set[str]:
    """Agents of a run between whom and the user stands no tool call and no driven agent."""
    root = roles.outermost[members[0]]
    hearing = {"", root}
    nested = [m for m in members if roles.agents[m] == m != root]
    for span_id in sorted(nested, key=tree.downward.__getitem__):
        around = tree.parents[span_id]
        above = roles.agents[around]
        walled = roles.calls[around] or roles.kinds[around] is Kind.TOOL_CALL
        if above in hearing and above not in driven and not walled:
            hearing.add(span_id)
    return hearing
