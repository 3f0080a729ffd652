"""What the user said in a run: each user message part once, at the first span that carries it.

Models are sent the history again and again, whole, its last part, or only what is new. With H the
texts so far and U those of the next model call: if U begins with H the rest is new; if U is a
beginning of H, or is what the call before was sent, nothing is. A sender that has repeated itself
before, or has sent several texts at once, may have cut the history short: what U begins with and H
ends with is old, and so is one text before it (a summary): rather a word too few than one yes for
two writes. Else the sender writes only news and all of U is new. Other spans may claim texts that
no model call carries.
Law: words put into a nested agent's or a tool's mouth are not the user's, even under the user
role: only agents no model drives are looked through (a wrapper, a hand-off).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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
    talk = Talk()
    for span_id in heard:
        if roles.kinds[span_id] is Kind.MODEL_CALL:
            news[span_id] = talk.hear(texts_of(tree.spans[span_id], Kind.MODEL_CALL))
    said = set(talk.history)
    for span_id in heard:
        if roles.kinds[span_id] is not Kind.MODEL_CALL:
            claims = dict.fromkeys(texts_of(tree.spans[span_id], roles.kinds[span_id]))
            news[span_id] = tuple([t for t in claims if t not in said and (t or not said)])
            said.update(claims)
    return news


@dataclass(slots=True)
class Talk:
    """The texts so far, those of the last model call, and whether the sender may repeat itself."""

    history: list[str] = field(default_factory=list)
    before: tuple[str, ...] = ()
    repeats: bool = False

    def hear(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        """Take in what a model call was sent; return what is new."""
        n_old = self._n_old(texts)
        self.repeats = self.repeats or n_old > 0 or len(texts) > 1
        self.before = texts
        self.history.extend(texts[n_old:])
        return texts[n_old:]

    def _n_old(self, texts: tuple[str, ...]) -> int:
        known = len(self.history)
        if list(texts[:known]) == self.history:
            return known
        if self.history[: len(texts)] == list(texts) or texts == self.before:
            return len(texts)
        if not self.repeats:
            return 0
        window = overlap(self.history, texts)
        return window or ((after := overlap(self.history, texts[1:])) and after + 1)


def overlap(history: Sequence[str], texts: Sequence[str]) -> int:
    """How many texts, at most, both end the history and begin what was sent; linear in both.

    Source: Knuth, Morris and Pratt, Fast Pattern Matching in Strings, SIAM J. Comput. 6(2), 1977.
    """
    borders = [0] * len(texts)
    for at in range(1, len(texts)):
        borders[at] = _longer(texts, borders, borders[at - 1], texts[at])
    matched = 0
    for text in history[max(len(history) - len(texts), 0) :]:
        matched = _longer(texts, borders, matched, text)
    return matched


def _longer(texts: Sequence[str], borders: Sequence[int], matched: int, text: str) -> int:
    """The longest beginning of `texts` that ends with `text`, after `matched` of it."""
    while matched and (matched == len(texts) or texts[matched] != text):
        matched = borders[matched - 1]
    return matched + (matched < len(texts) and texts[matched] == text)


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
