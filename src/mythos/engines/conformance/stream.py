"""A run compared with its workflow while it goes on, event by event.

For each place of the workflow where the run may stand a stream keeps one number: the least cost of
having come there. An event moves every place at once: it is extra, or it is matched after the
cheapest skips that lead to it. That is the same recurrence as the search of a closed run, taken by
columns, so the two agree, and what was paid so far is never taken back.

Small automata keep every place. Otherwise only places within a window of the best are kept, and at
most a fixed number; the least cost ever dropped bounds what may have been missed, so the answer is
exact, or an interval that says so.

Source: van Zelst et al., "Online conformance checking: relating event streams to process models
using prefix-alignments" (JDSA 2019), for what is computed; the recurrence is that of edit distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, Strict

from mythos.engines.conformance.columns import Columns
from mythos.engines.conformance.group import MAX_NODES, Group, lattice_of
from mythos.engines.conformance.model import Model
from mythos.errors import WorkflowError
from mythos.values.objection import shown

Count = Annotated[int, Strict(), Field(ge=0)]


@dataclass(frozen=True, slots=True)
class Interval:
    """`lower` ≤ the least possible cost ≤ `cost`; the cost is `exact` if they meet."""

    lower: int
    cost: int

    @property
    def exact(self) -> bool:
        """Whether nothing cheaper can have been missed."""
        return self.lower == self.cost


class _Saved(BaseModel):
    """What a stream is written as. `places`: each with its cost, in the order they are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    workflow: str
    events: Count
    beyond: Count
    dropped: Count | None
    places: list[tuple[JsonValue, Count]] = Field(min_length=1)


class Stream:
    """One open run of a workflow; holds no trace, only costs by place."""

    def __init__(self, model: Model) -> None:
        """Stand before the first step."""
        self._model = model
        self._ground = model.ground
        self._columns = Columns(self._ground, model.number)
        self._at = self._columns.start()
        self._beyond = 0
        self._n_events = 0

    def add(self, label: str) -> None:
        """Take in the next event of the run.

        Takes time in proportion to the places kept and the ways on from them, however long the run
        has become.
        """
        self._n_events += 1
        self._at = self._columns.after(self._at, label)
        self._beyond += self._model.cost_beyond(label)

    def add_group(self, group: Group) -> None:
        """Take in events of which some have no order: the best that they may have had counts.

        Args:
            group: all of them; what came before it and what will come after it is certain. Where
                its orders are too many to weigh (see `group`) one is taken, and the certificate
                says what another may have cost.
        """
        edges = lattice_of(group, most=MAX_NODES) if group.known else None
        if edges is None:
            least = min(self._at.values())
            for label in group.first_word():
                self.add(label)
            self._columns.miss(least)
            return
        self._n_events += len(group.labels)
        self._at = self._columns.along(self._at, edges)[-1]
        self._beyond += sum(map(self._model.cost_beyond, group.labels))

    @property
    def n_events(self) -> int:
        """How many events were added."""
        return self._n_events

    @property
    def prefix_cost(self) -> int:
        """What the run has deviated so far, if all goes well from here; it never falls.

        Exact where `certificate` is, and otherwise no less than the exact value.
        """
        return self._weight(min(self._at.values()))

    @property
    def cost(self) -> int:
        """What the run would cost if it ended now: all that is left would be skipped."""
        return self._weight(min(self._columns.totals(self._at).values()))

    @property
    def certificate(self) -> Interval:
        """Bounds on the cost if the run ended now."""
        cost, dropped = self.cost, self._columns.dropped
        if dropped is None:
            return Interval(cost, cost)
        return Interval(min(cost, self._weight(dropped)), cost)

    @property
    def obligations(self) -> frozenset[str]:
        """The labels that every cheapest way to the end takes from where the run likely stands.

        Asked of the explanations that would be cheapest if the run ended now, and of those that
        have deviated least so far: what can still be done is not taken for skipped. Others, as
        cheap or dropped, are not asked, so what is needed may be something else.
        """
        totals = self._columns.totals(self._at)
        cheapest = min((totals[place], cost) for place, cost in self._at.items())
        places = (p for p, cost in self._at.items() if (totals[p], cost) == cheapest)
        shared = frozenset.intersection(*map(self._ground.places.needs, places))
        return frozenset(map(self._model.label, shared))

    def _weight(self, cost: int) -> int:
        return self._beyond + self._ground.weight(cost)

    def to_json(self) -> JsonValue:
        """All there is to know of the run so far; equal histories give equal JSON."""
        places = self._ground.places
        return {
            "format": 1,
            "workflow": self._model.digest,
            "events": self._n_events,
            "beyond": self._beyond,
            "dropped": self._columns.dropped,
            "places": [[places.to_json(place), cost] for place, cost in self._at.items()],
        }

    @classmethod
    def from_json(cls, model: Model, value: JsonValue) -> Self:
        """Go on where `to_json` was taken, in this process or another.

        Args:
            model: of the same workflow.
            value: what `to_json` gave.

        Raises:
            WorkflowError: the state is of another workflow, or damaged.
        """
        if not isinstance(value, dict):
            raise WorkflowError(
                f"{shown(value)} is no state of a run, but of type {type(value).__name__}",
                remedy="give what `to_json` gave; read a text with json.loads before",
            )
        try:
            saved = _saved(value, model.digest)
            read = model.ground.places.from_json
            at = {read(place): cost for place, cost in saved.places}
        except ValueError as error:
            raise WorkflowError(
                f"this is no state of a run of the workflow: {error}",
                remedy="compare the run from its first event with the workflow in force",
            ) from error
        stream = cls(model)
        stream._at, stream._n_events = at, saved.events
        stream._beyond, stream._columns.dropped = saved.beyond, saved.dropped
        return stream


def _saved(value: JsonValue, workflow: str) -> _Saved:
    saved = _Saved.model_validate(value)
    if saved.workflow != workflow:
        raise ValueError(f"it is of workflow {saved.workflow}, not of {workflow}")
    return saved
