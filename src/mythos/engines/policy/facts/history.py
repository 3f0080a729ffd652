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

import orjson
from pydantic import JsonValue

from mythos.engines.policy.facts.declared import PRINCIPAL, USER_EVENTS
from mythos.engines.policy.facts.fields import field_of, loose_value, structured
from mythos.engines.policy.facts.happening import Happening
from mythos.engines.policy.facts.kind import amount_of, as_kind
from mythos.engines.policy.facts.known import ABSENT, Known, OneOf
from mythos.engines.policy.facts.log import ANY, FactLog, Key, told
from mythos.engines.policy.facts.plan import FactPlan
from mythos.engines.policy.facts.timeline import Entry
from mythos.values.event import Json
from mythos.values.tools import Tool, ToolCatalogue


@dataclass(frozen=True, slots=True)
class Asker:
    """The action that asks: whose it is, its arguments, and when it starts."""

    agent: str
    arguments: Mapping[str, Json] | None
    hidden: frozenset[str]
    now_ns: int


class History:
    """Logs by the identity of their facts. Owned by the sweep, or by the judge, that fills it."""

    def __init__(
        self, plans: Iterable[FactPlan], catalogue: ToolCatalogue, *, past: History | None = None
    ) -> None:
        """Begin without events.

        Args:
            plans: the facts to keep, each after those its `where` reads; repeats do no harm.
            catalogue: tells a `where` what a tool does.
            past: what earlier runs left, for facts that reach beyond one run.
        """
        self._logs = {p.identity: FactLog(p) for p in plans if not p.deferred}
        self.catalogue = catalogue
        self._tools: dict[str, Tool] = {tool.name: tool for tool in catalogue.tools}
        self._past = past
        self._by_name: dict[tuple[str, str], str] = {}
        self._collecting: dict[str, list[FactLog]] = {}
        self._resetting: dict[str, list[FactLog]] = {}
        for log in self._logs.values():
            for name in log.plan.events:
                self._collecting.setdefault(name, []).append(log)
            for name in log.plan.resets:
                self._resetting.setdefault(name, []).append(log)

    def logs(self) -> Mapping[str, FactLog]:
        """Every log by the identity of its fact."""
        return self._logs

    def began(self, one: Happening) -> None:
        """A call began: its attempt resets, and counts where attempts do."""
        for log in self._collecting.get(one.name, ()):
            if log.plan.early:
                self._enter(log, one, holds=self._holds(log.plan, one))
        self._reset(one)

    def ended(self, one: Happening) -> None:
        """A call ended, well or not: `one.ok`."""
        logs = self._collecting.get(one.name, ())
        for log, holds in [(log, self._holds(log.plan, one)) for log in logs]:
            if log.plan.attempts or one.ok is log.plan.wants_ok:
                self._enter(log, one, holds=holds, settled=True)
            elif log.plan.early:
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
        key = _key(plan, asker.agent, asker.arguments, asker.hidden)
        if ANY in key:
            return None
        before = self._past.logs().get(plan.identity) if self._past else None
        logs = (log,) if before is None or plan.scope == "session" else (log, before)
        return told(logs, key, asker.now_ns)

    def _enter(
        self, log: FactLog, one: Happening, *, holds: bool | None, settled: bool = False
    ) -> None:
        """Take an event in; one that may not be meant, or whose value is not known, is a doubt."""
        if holds is False:
            return
        plan = log.plan
        key = _key(plan, one.agent, one.arguments, one.hidden)
        at_ns = one.start_ns if plan.early else one.end_ns
        entry = _entry(plan, one, Entry(at_ns, settled))
        sure = holds is True and entry is not None and ANY not in key
        log.put(log.seen if sure else log.doubted, key, one.id, entry or Entry(at_ns, settled))

    def _withdraw(self, log: FactLog, one: Happening) -> None:
        """A call that counted while it was in flight did not end as asked for."""
        key = _key(log.plan, one.agent, one.arguments, one.hidden)
        for table in (log.seen, log.doubted):
            log.put(table, key, one.id, Entry(one.start_ns, n=0))

    def _reset(self, one: Happening) -> None:
        for log in self._resetting.get(one.name, ()):
            key = _key(log.plan, one.agent, one.arguments, one.hidden)
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
            if not one.output_captured:
                return None
            context["output"] = loose_value(structured(one.output))
        if "text" in parts:
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
        asker = Asker(one.agent, one.arguments, one.hidden, one.end_ns)
        past: dict[str, JsonValue] = {}
        for name, identity in plan.needs.items():
            log = self._logs.get(identity)
            known = self.ask(log.plan, asker) if log else None
            if known is None or isinstance(known, OneOf):
                return None
            if known is not ABSENT:
                past[name] = known
        return past


def _key(
    plan: FactPlan,
    agent: str,
    arguments: Mapping[str, Json] | None,
    hidden: frozenset[str],
) -> Key:
    """What `by` reads of an event or an action; `ANY` for what was not captured."""
    own = tuple(
        agent if name == PRINCIPAL else _argument(name, arguments, hidden) for name in plan.keys
    )
    if ANY in own:
        own = (ANY,) * len(own)
    return own if plan.scope == "session" else (agent, *own)


def _argument(name: str, arguments: Mapping[str, Json] | None, hidden: frozenset[str]) -> str:
    if arguments is None or name in hidden:
        return ANY
    return orjson.dumps(arguments.get(name), option=orjson.OPT_SORT_KEYS).decode()


def _entry(plan: FactPlan, one: Happening, entry: Entry) -> Entry | None:
    """The event's entry with what it adds or sets; None if its field was not captured."""
    if not plan.path:
        return entry
    source, *path = plan.path
    if source == "input":
        if one.arguments is None or (path and path[0] in one.hidden):
            return None
        value = field_of(dict(one.arguments), path)
    elif one.output_captured:
        value = field_of(structured(one.output) if path else one.output, path)
    else:
        return None
    if plan.form == "sum":
        amount = amount_of(plan.kind, value)
        return None if amount is None else entry._replace(amount=amount)
    fitted, misfit = as_kind(plan.kind, value)
    return None if misfit else entry._replace(value=fitted)


def _tool_context(tool: Tool | None) -> JsonValue:
    if tool is None:
        return {}
    return {"effect": tool.effect, "consequential": tool.consequential, "trust": tool.trust}
