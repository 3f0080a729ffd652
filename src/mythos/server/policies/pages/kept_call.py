"""A kept call, decided again by two versions of a policy set with only what was kept of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Self

from pydantic import JsonValue

from mythos.engines.evidence.sample import Sample
from mythos.engines.judge.redaction import is_redacted
from mythos.engines.judge.samples import MAX_CUT_ARGUMENTS
from mythos.engines.policy.compile import PolicyEngine, compile_policies
from mythos.engines.policy.identity import digest
from mythos.engines.policy.replay import Word, answer_of
from mythos.engines.policy.request import Request
from mythos.engines.policy.rule import Rule
from mythos.server.policies.pages.facts import CallFact, PolicyFact
from mythos.server.policies.pages.rules import read
from mythos.values.outcome import Outcome
from mythos.values.policy import Once, PolicySet
from mythos.values.tools import ToolCatalogue

NS = 10**9
MAX_FACTS = 5  # 32 combinations
_CUT = "…"


@dataclass(frozen=True, slots=True)
class Said:
    """What a version says of a call; `why` it does, or why that cannot be told."""

    word: Word
    rules: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Versions:
    """Two versions, compiled to decide each alone; digests in the order old, new."""

    engine: PolicyEngine
    sets: Mapping[str, PolicySet]
    old: str
    new: str

    @classmethod
    def of(cls, old: PolicyFact, new: PolicyFact, catalogue: ToolCatalogue) -> Self:
        """Compile both.

        Raises:
            PolicyError: one of them does not fit the catalogue.
        """
        both = old.policy_set, new.policy_set
        engine = _compiled(*(each.model_dump_json() for each in both), catalogue.model_dump_json())
        was, now = map(digest, both)
        return cls(engine, dict(zip((was, now), both, strict=True)), was, now)

    def asked(self, call: CallFact) -> tuple[Said, Said]:
        """What the old version says of a call, and the new one."""
        judge = call.policy_set if call.policy_set in self.sets else self.old
        other = self.new if judge == self.old else self.old
        recorded = self._recorded(call.sample, judge)
        said = {judge: recorded or self._alone(call.sample, judge)}
        said[other] = self._other(call.sample, judge, other, recorded)
        return said[self.old], said[self.new]

    def _recorded(self, sample: Sample, judge: str) -> Said | None:
        """What the version that judged the call decided, as far as it holds of it alone."""
        if sample.outcome in {Outcome.VIOLATED, Outcome.BLOCKED}:
            return Said("deny", sample.rules or (sample.rule,), sample.why)
        guard = not any(rule.permits for rule in read(self.sets[judge].rules))
        if sample.outcome is Outcome.UPHELD and (sample.rules or guard):
            return Said("allow", sample.rules)
        return None

    def _other(self, sample: Sample, judge: str, other: str, recorded: Said | None) -> Said:
        if recorded and self._about(judge, sample.tool) == self._about(other, sample.tool):
            return recorded
        found: dict[Word, Said] = {}
        facts: Mapping[str, bool] = {}
        for facts in self._possible(sample, judge, other):
            if recorded and self._contradicts(sample, judge, facts, recorded):
                continue
            said = self._alone(sample, other, facts)
            found[said.word] = said
            if "undecidable" in found:
                break
        if len(found) == 1:
            return next(iter(found.values()))
        names = ", ".join(sorted({*facts} - {*sample.missing}))
        return found.get("undecidable") or Said(
            "undecidable", why=f"not kept: whether {names} held"
        )

    def _contradicts(
        self, sample: Sample, judge: str, facts: Mapping[str, bool], recorded: Said
    ) -> bool:
        said = self._alone(sample, judge, facts)
        return said.word not in {"undecidable", recorded.word}

    def _alone(self, sample: Sample, version: str, facts: Mapping[str, bool] | None = None) -> Said:
        if any("run" in rule.use.parts for rule in self._rules(version, sample.tool)):
            return Said("undecidable", why="not kept: what the run had shown before the call")
        arguments, hidden = _arguments(sample)
        request = Request(
            agent=sample.agent,
            tool=sample.tool,
            arguments=arguments,
            hidden=hidden,
            facts={version: facts or {}},
            licensed=None,
            now_ns=sample.at * NS,
            depth=None,
        )
        answer = answer_of(self.engine.decide(request, in_force=[version]))
        return Said(answer.word, answer.rules, answer.why)

    def _rules(self, version: str, tool: str) -> tuple[Rule, ...]:
        return tuple(rule for rule in read(self.sets[version].rules) if rule.about(tool))

    def _about(self, version: str, tool: str) -> list[object]:
        """All that decides calls of a tool: its rules, and the facts that they read."""
        rules = self._rules(version, tool)
        facts = self.sets[version].facts
        named = {name for rule in rules for name in rule.use.facts}
        return [[rule.text for rule in rules], {name: facts.get(name) for name in named}]

    def _possible(self, sample: Sample, judge: str, other: str) -> Iterator[dict[str, bool]]:
        """Values of the yes-or-no facts that both versions declare alike; none if too many."""
        mine, theirs = self.sets[judge].facts, self.sets[other].facts
        wanted = sorted(
            {
                name
                for version in (judge, other)
                for rule in self._rules(version, sample.tool)
                for name in rule.use.facts
                if isinstance(mine.get(name), Once) and mine.get(name) == theirs.get(name)
            }
        )
        lacking = {name: False for name in wanted if name in sample.missing}
        open_ = [name for name in wanted if name not in lacking]
        if len(open_) > MAX_FACTS:
            yield lacking
            return
        for values in product((False, True), repeat=len(open_)):
            yield {**lacking, **dict(zip(open_, values, strict=True))}


@lru_cache(maxsize=8)
def _compiled(old: str, new: str, catalogue: str) -> PolicyEngine:
    """Both versions ready to decide; a page refreshes every few seconds."""
    sets = [PolicySet.model_validate_json(each) for each in (old, new)]
    return compile_policies(sets, ToolCatalogue.model_validate_json(catalogue))


def _arguments(sample: Sample) -> tuple[Mapping[str, JsonValue] | None, frozenset[str]]:
    """Arguments, and the names of those of which a mask or only the beginning was kept."""
    if sample.arguments is None:
        return None, frozenset()
    cut = {name for name, value in sample.arguments.items() if _is_cut(value)}
    if cut and len(sample.arguments) >= MAX_CUT_ARGUMENTS:
        return None, frozenset()
    masked = {name for name, value in sample.arguments.items() if is_redacted(value)}
    return sample.arguments, frozenset(cut | masked)


def _is_cut(value: object) -> bool:
    return isinstance(value, str) and (value.endswith(_CUT) or value.startswith(f"{_CUT} ("))
