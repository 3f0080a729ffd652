"""A small shop, and tales of what happened in it: told to the real history, and to levels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.coherence.workflow.levels import (
    Span,
    TrackedFact,
    after_call,
    after_instant,
)
from mythos.engines.policy.facts.happening import Happening
from mythos.engines.policy.facts.history import History
from mythos.engines.policy.facts.known import ABSENT, Known, OneOf
from mythos.engines.policy.facts.plan import FactPlan
from mythos.values.tools import ToolCatalogue

SECOND = 10**9
TOOLS = ("look", "browse", "write", "send", "ask")

_PARAMETERS: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "cents": {"type": "integer"}},
    "required": ["id", "cents"],
}
SHOP = ToolCatalogue.model_validate(
    {
        "domain": "shop",
        "tools": [
            {"name": "look", "effect": "read", "trusted": True, "parameters": _PARAMETERS},
            {"name": "browse", "effect": "read", "parameters": _PARAMETERS},
            {"name": "write", "effect": "write", "parameters": _PARAMETERS},
            {"name": "send", "effect": "egress", "parameters": _PARAMETERS},
            {"name": "ask", "user": True, "parameters": _PARAMETERS},
        ],
    }
)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool; `yes`: the tool asks the user, who confirms."""

    tool: str
    id: str = "a"
    cents: int = 1
    ok: bool = True
    agent: str = "bot"
    wait_s: int = 1
    output: str | None = None
    yes: bool = False

    @property
    def confirmed(self) -> bool:
        """Whether the user confirmed in it; only one tool asks."""
        return self.yes and self.ok and self.tool == "ask"


@dataclass(frozen=True, slots=True)
class Words:
    """What the user does in one moment."""

    events: tuple[str, ...]
    agent: str = "bot"
    wait_s: int = 1


Chapter = Call | Words


@dataclass
class Tale:
    """Tells chapters one after the other, to a history and to the levels of its facts."""

    plans: list[FactPlan]
    facts: dict[str, TrackedFact]
    now_s: int = 0
    history: History = field(init=False)
    spans: dict[str, Span] = field(init=False)

    def __post_init__(self) -> None:
        self.history = History(self.plans, SHOP)
        self.spans = {name: fact.start for name, fact in self.facts.items()}

    def tell(self, chapters: Iterable[Chapter]) -> Tale:
        for chapter in chapters:
            self.now_s += chapter.wait_s
            if isinstance(chapter, Call):
                self._call(chapter)
            else:
                self._words(chapter)
        return self

    def _call(self, call: Call) -> None:
        start, self.now_s = self.now_s, self.now_s + 1
        one = Happening(
            call.tool,
            f"{call.tool}@{start}",
            start * SECOND,
            self.now_s * SECOND,
            call.agent,
            ok=call.ok,
            arguments={"id": call.id, "cents": call.cents},
            output=call.output,
            output_captured=call.output is not None,
        )
        self.history.began(one)
        if call.confirmed:
            self._say("user.confirm", call.agent)
        self.history.ended(one)
        for name, fact in self.facts.items():
            self.spans[name] = after_call(fact, self.spans[name], call.tool, ok=call.ok)
            if call.confirmed:
                self.spans[name] = after_instant(fact, self.spans[name], ("user.confirm",))

    def _words(self, words: Words) -> None:
        for name in words.events:
            self._say(name, words.agent)
        for name, fact in self.facts.items():
            self.spans[name] = after_instant(fact, self.spans[name], words.events)

    def _say(self, name: str, agent: str) -> None:
        at = self.now_s * SECOND
        self.history.said(Happening(name, f"{name}@{at}", at, at, agent, text="yes"))


def within(fact: TrackedFact, span: Span, known: Known) -> bool:
    """Whether what a history knows of a fact is among what a span says."""
    if known is None:
        return True
    if isinstance(known, OneOf):
        return all(within(fact, span, each) for each in known.values)
    low, high = span
    match fact.plan.form:
        case "once":
            return low <= int(known is True) <= high
        case "count":
            assert isinstance(known, int)
            return low <= min(known, fact.top) <= high
        case "sum":
            return span == (1, 1) or known in (0, {"__extn": {"fn": "decimal", "arg": "0.0000"}})
        case _:
            return low <= int(known is not ABSENT) <= high


def calls() -> st.SearchStrategy[Call]:
    """Any call; only `ask` may bring a yes."""
    return st.builds(
        Call,
        tool=st.sampled_from(TOOLS),
        id=st.sampled_from("ab"),
        cents=st.sampled_from((-3, 0, 7)),
        ok=st.booleans(),
        agent=st.sampled_from(("bot", "aid")),
        wait_s=st.integers(1, 40),
        output=st.sampled_from((None, "fine", '{"status": "done"}')),
        yes=st.booleans(),
    )


def words() -> st.SearchStrategy[Words]:
    """What the user may do in one moment."""
    told = (("user.message",), ("user.message", "user.confirm"), ("user.confirm",))
    return st.builds(
        Words,
        st.sampled_from(told),
        agent=st.sampled_from(("bot", "aid")),
        wait_s=st.integers(1, 40),
    )


def chapters() -> st.SearchStrategy[list[Chapter]]:
    """A tale."""
    return st.lists(st.one_of(calls(), calls(), words()), min_size=2, max_size=12)


_OF_TOOLS = (*TOOLS, "data.read", "data.write")
_OF_USERS = ("user.message", "user.confirm")
_WHERE = (
    'tool.trust == "untrusted"',
    'resource.trust == "trusted" && tool.effect == "read"',
    "input.cents > 0",
    'output.status == "done"',
    'principal == Agent::"bot"',
    'principal == Agent::"bot" && tool.effect == "read"',
    'text like "yes*"',
    "true",
)


@st.composite
def facts(draw: st.DrawFn) -> dict[str, JsonValue]:
    """A declaration of any form; what the user does has neither fields nor arguments."""
    form = draw(st.sampled_from(("once", "once", "count", "sum", "last")))
    fielded = form in {"sum", "last"}
    by = draw(st.sampled_from((None, None, "id", "principal")))
    names = _OF_TOOLS if fielded or by == "id" else _OF_TOOLS + _OF_USERS
    events = st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)
    of: JsonValue = list(draw(events))
    fact: dict[str, JsonValue] = {form: of}
    if fielded:
        path = "input.cents" if form == "sum" else draw(st.sampled_from(("input.id", "output")))
        fact = {form: path, "of": of}
    if form == "once" and draw(st.booleans()):
        fact["since"] = list(draw(events))
    if by:
        fact["by"] = by
    of_users = any(name in str(fact) for name in _OF_USERS)
    options: dict[str, st.SearchStrategy[JsonValue]] = {
        "within": st.sampled_from(("5s", "1m")),
        "outcome": st.sampled_from(("any",) if of_users else ("error", "any")),
        "where": st.sampled_from(_WHERE),
    }
    for name, values in options.items():
        if draw(st.integers(0, 2)) == 0:
            fact[name] = draw(values)
    if "within" in fact and draw(st.integers(0, 3)) == 0:
        fact["scope"] = "agent"
    return fact
