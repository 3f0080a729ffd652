"""Histories: every fact's log, filled by what happens and asked before each action.

A history belongs to one run, or holds what many runs of a host's agents left behind (`past`, for
facts of scope `agent`). A run's own events are kept apart until it closes; a question then reads
both. Events are dispatched by name, so an event costs what the facts about it cost.

Law: histories of the same plans merge in any order, grouping and repetition, and a merged one
equals the one that saw every event in order (not for facts whose `where` reads another fact: those
are only kept within a run, which is told in order).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from mythos.engines.policy.facts.declared import USER_EVENTS
from mythos.engines.policy.facts.fields import has_mask, loose_value, structured
from mythos.engines.policy.facts.happening import Happening
from mythos.engines.policy.facts.known import ABSENT, Known, OneOf
from mythos.engines.policy.facts.log import ANY, FactLog, Keyed
from mythos.engines.policy.facts.plan import FactPlan
from mythos.engines.policy.facts.reading import entry_of, key_of
from mythos.engines.policy.facts.telling import told
from mythos.engines.policy.facts.timeline import Entry
from mythos.engines.telemetry.masking import is_masked
from mythos.values.event import Json
from mythos.values.tools import Tool, ToolCatalogue


@dataclass(frozen=True, slots=True)
class Asker:
    """The action that asks: whose it is, its tool and arguments, and when it starts."""

    agent: str
    tool: str
    arguments: Mapping[str, Json] | None
    hidden: frozenset[str]
    now_ns: int


class History:
    """Logs by the identity of their facts. Owned by the sweep, or by the judge, that fills it."""

    def __init__(
        self,
        plans: Iterable[FactPlan],
        catalogue: ToolCatalogue,
        *,
        past: History | None = None,
        so_far: History | None = None,
    ) -> None:
        """Begin without events.

        Args:
            plans: the facts to keep, each after those its `where` reads; repeats do no harm.
            catalogue: tells a `where` what a tool does.
            past: what earlier runs left, for facts that reach beyond one run.
            so_far: what this run did before; it is read, and left as it is.
        """
        self._logs = {p.identity: FactLog(p) for p in plans if not p.deferred}
        self.catalogue = catalogue
        self._tools: dict[str, Tool] = {tool.name: tool for tool in catalogue.tools}
        self._past = past
        self._so_far = so_far
        self._collecting: dict[str, list[FactLog]] = {}
        self._resetting: dict[str, list[FactLog]] = {}
        for log in self._logs.values():
            for name in log.plan.events:
                self._collecting.setdefault(name, []).append(log)
            for name in log.plan.resets:
                self._resetting.setdefault(name, []).append(log)

    def beside(self) -> History:
        """A history that goes on from this one by itself: this one learns nothing from it."""
        plans = [log.plan for log in self._logs.values()]
        return History(plans, self.catalogue, past=self._past, so_far=self)

    def logs(self) -> Mapping[str, FactLog]:
        """Every log by the identity of its fact."""
        return self._logs

    def began(self, one: Happening) -> None:
        """A call began: its attempt resets, and counts where attempts do.

        What a call adds may only be told at its end; until then it is a doubt.
        """
        if one.name in USER_EVENTS:
            return  # a tool of that name is not the user
        for log in self._collecting.get(one.name, ()):
            if log.plan.from_start:
                holds = self._holds(log.plan, one) if log.plan.told_early else None
                self._enter(log, one, holds=holds)
        self._reset(one)

    def ended(self, one: Happening) -> None:
        """A call ended, well or not: `one.ok`."""
        if one.name in USER_EVENTS:
            return
        logs = self._collecting.get(one.name, ())
        for log, holds in [(log, self._holds(log.plan, one)) for log in logs]:
            counts = log.plan.attempts or one.ok is log.plan.wants_ok
            entered = self._enter(log, one, holds=holds, settled=True) if counts else None
            if log.plan.from_start and not log.plan.told_early:
                self._withdraw(log, one, but=entered)
            elif log.plan.from_start and not counts:
                self._withdraw(log, one)

    def said(self, one: Happening) -> None:
        """The user said or confirmed something."""
        logs = self._collecting.get(one.name, ())
        for log, holds in [(log, self._holds(log.plan, one)) for log in logs]:
            self._enter(log, one, holds=holds, settled=True)
        self._reset(one)

    def blur(self, name: str, until_ns: int) -> None:
        """An event of that name may have gone unseen up to `until_ns`."""
        for log in self._collecting.get(name, ()):
            log.blur(until_ns, resets=False)
        for log in self._resetting.get(name, ()):
            log.blur(until_ns, resets=True)

    def absorb(self, other: History, *, until_ns: int | None = None) -> None:
        """Take in what another history knows of the facts both keep.

        Args:
            other: of another run, another observer, or the same once more.
            until_ns: leave out what claims to be later: a clock that runs ahead must not
                decide what comes.
        """
        for identity, log in other.logs().items():
            if identity in self._logs:
                self._logs[identity].absorb(log, until_ns=until_ns)

    def ask(self, plan: FactPlan, asker: Asker) -> Known:
        """What a fact is for an action; None if it cannot be told."""
        log = self._logs.get(plan.identity)
        if log is None:
            return None
        key = key_of(plan, asker.tool, asker.agent, asker.arguments, hidden=asker.hidden)
        if ANY in key:
            return None
        earlier = (self._so_far, None if plan.scope == "session" else self._past)
        found = (one.logs().get(plan.identity) for one in earlier if one is not None)
        return told((log, *(one for one in found if one is not None)), key, asker.now_ns)

    def _enter(
        self, log: FactLog, one: Happening, *, holds: bool | None, settled: bool = False
    ) -> Keyed | None:
        """Take an event in; one that may not be meant, or whose value is not known, is a doubt.

        Returns:
            The table that it was put into, if any.
        """
        if holds is False:
            return None
        plan = log.plan
        key = key_of(plan, one.name, one.agent, one.arguments, hidden=one.hidden)
        at_ns = one.start_ns if plan.from_start else one.end_ns
        entry = entry_of(plan, one, Entry(at_ns, settled))
        sure = holds is True and entry is not None and ANY not in key
        table = log.seen if sure else log.doubted
        log.put(table, key, one.id, entry or Entry(at_ns, settled))
        return table

    def _withdraw(self, log: FactLog, one: Happening, *, but: Keyed | None = None) -> None:
        """A call that counted while it was in flight counts in no table, `but` one."""
        key = key_of(log.plan, one.name, one.agent, one.arguments, hidden=one.hidden)
        for table in (log.seen, log.doubted):
            if table is not but:
                log.put(table, key, one.id, Entry(one.start_ns, n=0))

    def _reset(self, one: Happening) -> None:
        for log in self._resetting.get(one.name, ()):
            key = key_of(log.plan, one.name, one.agent, one.arguments, hidden=one.hidden)
            table = log.reset_doubted if ANY in key else log.resets
            log.put(table, key, one.id, Entry(one.start_ns))

    def _holds(self, plan: FactPlan, one: Happening) -> bool | None:
        """Whether the fact's `where` holds for an event; True without one."""
        condition = plan.where
        if condition is None:
            return True
        context = self._context(plan, condition.parts, one)
        if context is None:
            return None
        return condition.holds(context, agent=one.agent, event=one.name)

    def _context(
        self, plan: FactPlan, parts: frozenset[str], one: Happening
    ) -> dict[str, JsonValue] | None:
        """What a `where` reads of one event; None if part of it was not captured."""
        context: dict[str, JsonValue] = {}
        if "input" in parts and one.name not in USER_EVENTS:
            if one.arguments is None or one.hidden:
                return None
            context["input"] = loose_value(dict(one.arguments))
        if "output" in parts and one.name not in USER_EVENTS:
            if not one.output_captured or has_mask(one.output):
                return None
            context["output"] = loose_value(structured(one.output))
        if "text" in parts:
            if one.name in USER_EVENTS and (not one.text or is_masked(one.text)):
                return None
            context["text"] = one.text
        if "tool" in parts:
            context["tool"] = _tool_context(self._tools.get(one.name))
        if "past" in parts:
            past = self._past_of(plan, one)
            if past is None:
                return None
            context["past"] = past
        return context

    def _past_of(self, plan: FactPlan, one: Happening) -> dict[str, JsonValue] | None:
        """The earlier facts as they stood when the event came."""
        asker = Asker(one.agent, one.name, one.arguments, one.hidden, one.end_ns)
        past: dict[str, JsonValue] = {}
        for name, identity in plan.needs.items():
            log = self._logs.get(identity)
            known = self.ask(log.plan, asker) if log else None
            if known is None or isinstance(known, OneOf):
                return None
            if known is not ABSENT:
                past[name] = known
        return past


def _tool_context(tool: Tool | None) -> JsonValue:
    if tool is None:
        return {}
    return {"effect": tool.effect, "consequential": tool.consequential, "trust": tool.trust}
