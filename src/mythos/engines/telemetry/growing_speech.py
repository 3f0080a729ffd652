"""What the user said in a run that goes on: `speech.first_said`, told span by span.

Law: the same texts at the same spans as of the whole run at once, or `ReorderedError`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mythos.engines.telemetry.messages import texts_of
from mythos.engines.telemetry.reordered import ReorderedError
from mythos.engines.telemetry.roles import Roles
from mythos.engines.telemetry.spantree import SpanTree
from mythos.engines.telemetry.speech import Talk
from mythos.values.event import Event, Kind


class GrowingSpeech:
    """Who is heard in a growing run, and what was said. Reads the run's tree and roles."""

    def __init__(self, tree: SpanTree, roles: Roles, root: str, retold: Mapping[str, Kind]) -> None:
        """Begin in silence; `retold` are kinds that differ from those of the roles."""
        self._retold = retold
        self._tree = tree
        self._roles = roles
        self._root = root
        self._talk = Talk()
        self._said: set[str] = set()
        self._claimed: set[str] = set()
        self._driven: set[str] = set()
        self._hearing = {"", root}
        self._looked_through: set[str] = set()
        self._last_model = self._last_claim = (-1, "")

    def grow(self, fresh: Sequence[str], events: Mapping[str, Event]) -> dict[str, tuple[str, ...]]:
        """Hear new spans.

        Args:
            fresh: their ids, each after its parent's.
            events: the same spans by (start, id), without texts.

        Returns:
            The texts that are first said at each; ids without any are left out.
        """
        self._drive({self._roles.agents[m] for m in fresh if events[m].kind is Kind.MODEL_CALL})
        for span_id in fresh:
            if self._roles.agents[span_id] == span_id:
                self._look_through(span_id)
        heard = [m for m in events if self._is_heard(m)]
        news = self._hear([m for m in heard if events[m].kind is Kind.MODEL_CALL])
        news |= self._claims([m for m in heard if events[m].kind is not Kind.MODEL_CALL], events)
        return {span_id: texts for span_id, texts in news.items() if texts}

    def _drive(self, agents: set[str]) -> None:
        """Models drive these agents: nobody inside them is heard."""
        if not self._looked_through.isdisjoint(agents):
            raise ReorderedError("a model drives an agent that was looked through")
        self._driven |= agents

    def _look_through(self, span_id: str) -> None:
        around = self._tree.parents[span_id]
        above = self._roles.agents[around]
        kind = self._retold.get(around) or self._roles.kinds[around]
        walled = self._roles.calls[around] or kind is Kind.TOOL_CALL
        if above in self._hearing and above not in self._driven and not walled:
            self._hearing.add(span_id)
            self._looked_through.add(above)

    def _is_heard(self, span_id: str) -> bool:
        return not self._roles.calls[span_id] and self._roles.agents[span_id] in self._hearing

    def _hear(self, models: Sequence[str]) -> dict[str, tuple[str, ...]]:
        news: dict[str, tuple[str, ...]] = {}
        for span_id in models:
            self._last_model = self._after(self._last_model, span_id)
            texts = self._talk.hear(texts_of(self._tree.spans[span_id], Kind.MODEL_CALL))
            if texts and not self._claimed.isdisjoint({"", *texts}):
                raise ReorderedError(f"{span_id} says what another span was taken to say")
            self._said.update(texts)
            news[span_id] = texts
        return news

    def _claims(
        self, others: Sequence[str], events: Mapping[str, Event]
    ) -> dict[str, tuple[str, ...]]:
        news: dict[str, tuple[str, ...]] = {}
        for span_id in others:
            claims = dict.fromkeys(texts_of(self._tree.spans[span_id], events[span_id].kind))
            if not claims:
                continue
            self._last_claim = self._after(self._last_claim, span_id)
            said = self._said
            news[span_id] = tuple([t for t in claims if t not in said and (t or not said)])
            self._claimed.update(news[span_id])
            self._said.update(claims)
        return news

    def _after(self, last: tuple[int, str], span_id: str) -> tuple[int, str]:
        place = self._tree.spans[span_id].start_ns, span_id
        if place < last:
            raise ReorderedError(f"{span_id} came after words that follow it")
        return place
