"""The course of a run: what can be told of it without knowing what any tool does.

Counts only go up. Repeats are of equal calls by the same agent: tool and arguments, whatever came
between them. A model has changed when its newest name is no longer or shorter form of the one
before it (`model`, `model-2026-01-31`); a tool when the same name is offered with another
description or schema. A change is told once: to the first call of its agent after it.

Memory: a digest for each different call, model and tool of the run.
"""

from __future__ import annotations

import hashlib
import json
from collections import ChainMap, Counter
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field, replace

from mythos.engines.telemetry.offered import offered_tools
from mythos.values.event import Event, Json


@dataclass(frozen=True, slots=True)
class Course:
    """A run as it stands when a call begins.

    `calls`: tool calls before this one. `repeats`: equal ones among them, None where this call's
    arguments are not known. `tokens`: those that model calls reported so far. `model_changed` and
    `tools_changed`: since the agent's last call.
    """

    calls: int = 0
    repeats: int | None = 0
    tokens: int = 0
    model_changed: bool = False
    tools_changed: bool = False


@dataclass(slots=True)
class CourseLog:
    """Keeps the course of one run. Owned by the sweep that fills it."""

    _calls: int = 0
    _tokens: int = 0
    _equal: MutableMapping[bytes, int] = field(default_factory=Counter)
    _models: dict[str, str] = field(default_factory=dict)
    _offered: dict[tuple[str, str], str] = field(default_factory=dict)
    _changed_models: set[str] = field(default_factory=set)
    _changed_tools: set[str] = field(default_factory=set)

    def beside(self) -> CourseLog:
        """The same, to be told of calls that begin and of nothing else; this one learns nothing."""
        return replace(
            self,
            _equal=ChainMap({}, self._equal),
            _changed_models=set(self._changed_models),
            _changed_tools=set(self._changed_tools),
        )

    def is_changed(self, agent: str) -> bool:
        """Whether a model or a tool changed since the agent's last call."""
        return agent in self._changed_models or agent in self._changed_tools

    def answered(self, event: Event) -> None:
        """A model call has ended."""
        self._tokens += event.tokens_in + event.tokens_out
        before = self._models.get(event.agent, "")
        if event.model and not event.failed:
            if not event.model.startswith(before) and not before.startswith(event.model):
                self._changed_models.add(event.agent)
            self._models[event.agent] = event.model
        for name, digest in offered_tools(event.attributes).items():
            if self._offered.setdefault((event.agent, name), digest) != digest:
                self._changed_tools.add(event.agent)
                self._offered[event.agent, name] = digest

    def at(self, event: Event, arguments: Mapping[str, Json] | None) -> Course:
        """The course when `event`, a call with these arguments, begins.

        Args:
            event: a tool call, made or only tried.
            arguments: None where they are not known in full.
        """
        repeats = None if arguments is None else self._equal[_name(event, arguments)]
        return Course(
            calls=self._calls,
            repeats=repeats,
            tokens=self._tokens,
            model_changed=event.agent in self._changed_models,
            tools_changed=event.agent in self._changed_tools,
        )

    def began(self, event: Event, arguments: Mapping[str, Json] | None) -> None:
        """Count a call that begins."""
        self._calls += 1
        self._changed_models.discard(event.agent)
        self._changed_tools.discard(event.agent)
        if arguments is not None:
            self._equal[_name(event, arguments)] += 1


def _name(event: Event, arguments: Mapping[str, Json]) -> bytes:
    call = json.dumps([event.agent, event.tool, dict(arguments)], sort_keys=True)
    return hashlib.sha256(call.encode()).digest()
