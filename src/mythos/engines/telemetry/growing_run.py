"""A run that goes on, grown span by span at a cost that does not rise with what came before.

Law: however the spans are cut into batches, all that was grown is what `unfinished.so_far` would
assemble of them (but for `session` and `parent_id`), or `ReorderedError` is raised, since what came
changes what was told before. A parent may come after its children, as exporters send it, where that
changes nothing that was told of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mythos.engines.telemetry import table
from mythos.engines.telemetry.dialect import describe
from mythos.engines.telemetry.growing_speech import GrowingSpeech
from mythos.engines.telemetry.messages import texts_of
from mythos.engines.telemetry.reordered import ReorderedError
from mythos.engines.telemetry.requested import Requests, name_argument, requests_of
from mythos.engines.telemetry.roles import Roles, cast_one
from mythos.engines.telemetry.runs import completed, is_unnamed
from mythos.engines.telemetry.spantree import SpanTree
from mythos.engines.telemetry.unfinished import has_ended, stand_in
from mythos.values.event import Event, Kind, Span

_Place = tuple[int, str]
_NOWHERE: _Place = (-1, "")


class GrowingRun:
    """One agent's unfinished run of a trace. Holds no events, but where each span belongs."""

    def __init__(self, agent: str, first: Span) -> None:
        """Begin with the stand-in for a root that has not come; `first` came first of the trace."""
        root = stand_in(first.trace_id, agent, (first,))
        self._agent = agent
        self._root = root.span_id
        self._spans = {root.span_id: root}
        self._parents = {root.span_id: ""}
        self._tree = SpanTree(self._spans, self._parents, {})
        self._roles = Roles()
        cast_one(self._tree, self._roles, root.span_id)
        self._children: dict[str, list[str]] = {}
        self._waiting: dict[str, list[str]] = {}
        self._retold: dict[str, Kind] = {}
        self._speech = GrowingSpeech(self._tree, self._roles, self._root, self._retold)
        self._calls: dict[tuple[str, str], _Place] = {}
        self._lonely: set[tuple[str, str]] = set()
        self._requests: Requests = {}
        self._unnamed: set[tuple[str, str]] = set()
        self._last_asker = _NOWHERE

    def grow(self, spans: Sequence[Span]) -> list[Event]:
        """Take in what came since.

        Returns:
            The events of these spans, by (start, span id).

        Raises:
            ReorderedError: they do not merely go on; this object is of no more use.
        """
        late = self._hold(spans)
        fresh = self._downward(spans)
        for span_id in fresh:
            cast_one(self._tree, self._roles, span_id)
        for parent in late:
            self._recast_below(parent)
        places = sorted((self._spans[m].start_ns, m) for m in fresh)
        events = {m: self._describe(m, self._roles.kinds[m]) for _, m in places}
        twins = {m: self._roles.twins[m] for m in fresh if m in self._roles.twins}
        twins |= self._paired(events)
        for span_id, texts in self._speech.grow(fresh, events).items():
            events[span_id] = replace(events[span_id], user_texts=texts)
        for twin, call in twins.items():
            if call not in events:
                raise ReorderedError(f"{twin} tells a call that was told before")
            events[call] = completed(events[call], self._spans[twin])
        self._name_arguments(events)
        return list(events.values())

    def _hold(self, spans: Sequence[Span]) -> list[str]:
        """Find each span's place; return those that came after their children."""
        for span in spans:
            if span.span_id in self._spans:
                raise ReorderedError(f"two spans are called {span.span_id}")
            self._spans[span.span_id] = span
        for span in spans:
            if span.parent_id in self._spans and span.parent_id != self._root:
                self._enclose(span.parent_id, span.span_id)
                continue
            if has_ended(span, self._agent):
                raise ReorderedError(f"the run of {span.span_id} has ended")
            self._parents[span.span_id] = self._root
            if span.parent_id:
                self._waiting.setdefault(span.parent_id, []).append(span.span_id)
            else:
                self._spans[span.span_id] = replace(span, parent_id=self._root)
        late = [span.span_id for span in spans if span.span_id in self._waiting]
        for parent in late:
            for child in self._waiting.pop(parent):
                self._enclose(parent, child)
        return late

    def _enclose(self, parent: str, child: str) -> None:
        self._parents[child] = parent
        self._children.setdefault(parent, []).append(child)

    def _downward(self, spans: Sequence[Span]) -> list[str]:
        """Ids of new spans, each after its parent."""
        new = {span.span_id for span in spans}
        tops = [m for m in new if self._parents[m] not in new]
        waiting = sorted(tops, key=self._place, reverse=True)
        order: list[str] = []
        while waiting:
            order.append(waiting.pop())
            inside = (m for m in self._children.get(order[-1], ()) if m in new)
            waiting.extend(sorted(inside, key=self._place, reverse=True))
        if len(order) < len(new):
            raise ReorderedError("spans enclose each other in a circle")
        return order

    def _place(self, span_id: str) -> _Place:
        return self._spans[span_id].start_ns, span_id

    def _recast_below(self, parent: str) -> None:
        """Hang what came before its parent below it, if that changes nothing that was told."""
        roles = self._roles
        open_ground = (
            roles.kinds[parent] is not Kind.TOOL_CALL
            and not roles.calls[parent]
            and roles.agents[parent] == self._root
        )
        for span_id in self._below(parent):
            before = self._role(span_id)
            call = roles.calls[span_id]
            roles.twins.pop(span_id, None)
            cast_one(self._tree, roles, span_id)
            if self._role(span_id) != before:
                raise ReorderedError(f"{parent} changes what {span_id} is")
            if roles.agents[span_id] == span_id and not open_ground:
                raise ReorderedError(f"{parent} stands between the user and {span_id}")
            if roles.calls[span_id] != call and self._speaks(span_id):
                raise ReorderedError(f"{parent} takes the words of {span_id} from the user")

    def _role(self, span_id: str) -> tuple[Kind, str, str]:
        roles = self._roles
        return roles.kinds[span_id], roles.agents[span_id], roles.twins.get(span_id, "")

    def _speaks(self, span_id: str) -> bool:
        kind = self._retold.get(span_id) or self._roles.kinds[span_id]
        return kind is Kind.MODEL_CALL or bool(texts_of(self._spans[span_id], kind))

    def _below(self, parent: str) -> Iterator[str]:
        waiting = [m for m in self._children[parent] if m in self._roles.kinds]
        while waiting:
            span_id = waiting.pop()
            if span_id == parent:
                raise ReorderedError("spans enclose each other in a circle")
            yield span_id
            waiting.extend(self._children.get(span_id, ()))

    def _describe(self, span_id: str, kind: Kind) -> Event:
        agent = self._roles.names[self._roles.agents[span_id]]
        return describe(self._spans[span_id], kind, agent=agent)

    def _paired(self, events: dict[str, Event]) -> dict[str, str]:
        """MCP spans that stand beside the call whose id they carry; they are no calls any more."""
        told = [e for e in events.values() if e.kind is Kind.TOOL_CALL and e.call_id]
        beside = [event for event in told if "mcp.method.name" in event.attributes]
        for event in told:
            if "mcp.method.name" in event.attributes:
                continue
            name, place = (event.call_id, event.tool), (event.start_ns, event.span_id)
            if name in self._lonely or self._calls.setdefault(name, place) > place:
                raise ReorderedError(f"{event.span_id} is a call that was told before")
        paired: dict[str, str] = {}
        for event in beside:
            name = event.call_id, event.tool
            if name in self._calls:
                paired[event.span_id] = self._calls[name][1]
                events[event.span_id] = self._describe(event.span_id, Kind.OTHER)
                self._retold[event.span_id] = Kind.OTHER
            else:
                self._lonely.add(name)
        return paired

    def _name_arguments(self, events: dict[str, Event]) -> None:
        """Give calls that kept a bare value the name their request gave it."""
        for event in events.values():
            if event.kind is Kind.MODEL_CALL:
                self._note_requests(event)
        for event in [event for event in events.values() if is_unnamed(event)]:
            span = self._spans[event.span_id]
            named = name_argument(span, event.tool, self._requests)
            if named is None:
                self._unnamed.add((event.tool, str(span.attributes[table.BARE_INPUT_KEY])))
            events[event.span_id] = replace(event, arguments=named)

    def _note_requests(self, event: Event) -> None:
        asked = requests_of((self._spans[event.span_id],))
        if not asked:
            return
        place = event.start_ns, event.span_id
        if place < self._last_asker or not self._unnamed.isdisjoint(asked):
            raise ReorderedError(f"{event.span_id} names arguments of calls that were told before")
        self._last_asker = place
        for name, arguments in asked.items():
            self._requests.setdefault(name, arguments)
