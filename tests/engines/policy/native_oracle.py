"""The oracle of native evaluation: one random rule, what its function says, and what Cedar says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cedarpy
import orjson

from mythos.engines.policy.evaluate import context_of, evaluate, input_of, typed
from mythos.engines.policy.facts.kind import kinds_of
from mythos.engines.policy.native.translate import Matcher
from mythos.engines.policy.request import Request
from mythos.engines.policy.schema import context_types, request_schema
from mythos.engines.policy.slice import CompiledSet, Slice, build_slice
from mythos.values.tools import ToolCatalogue
from tests.engines.coherence.random_rules import CATALOGUE, RequestMaker, RuleMaker, compiled

REQUESTS = 10
_ODD = ("a\nb", "é", "e\u0301", "日本", "\U0001f600b", "A", "\0", "ab\r\n", "*")


@dataclass
class Count:
    """What was checked. Of `checks`, `errors` were of rules that err and `matched` of such that
    match; `left` are rules without a translation."""

    checks: int = 0
    errors: int = 0
    matched: int = 0
    left: int = 0
    mismatches: list[str] = field(default_factory=list)


class NativeRules(RuleMaker):
    """Writes rules whose every construct has a translation, but for a few."""

    def truth(self, depth: int) -> str:
        """A condition; sometimes one that compares what the others do not."""
        if self._random.random() < 0.05:
            return self._random.choice(
                [
                    "context.input.tags == context.input.tags",
                    'context.input.tags == ["a", "ab"]',
                    "context.input.sizes.containsAll(context.input.sizes)",
                    'context.input.tags.containsAny(["é", "A"])',
                    "context.input.amount * context.input.amount > context.repeats",
                    "context.past.calls - context.input.amount < 0",
                    'context.input.name like "*\\n*"',
                    'context.input.name == "e\\u{301}"',
                    'context.input.name like "?*\\*"',
                    'context.input.name like "**b**"',
                    'action == Action::"other" || resource is Tool',
                    "!(principal is Agent)",
                    "context has input && context.input has place.zip",
                ]
            )
        return super().truth(depth)

    def _priced(self) -> str:
        return self._compared()

    def _timed(self) -> str:
        return self._worded()

    def _record(self) -> str:
        return self._set()


class OddRequests(RequestMaker):
    """Makes requests with texts of every kind of character."""

    def _word(self) -> str:
        return self._random.choice(_ODD) if self._random.random() < 0.2 else super()._word()


def slice_of(owner: CompiledSet, *, native: bool, catalogue: ToolCatalogue = CATALOGUE) -> Slice:
    """The slice of the catalogue's first tool, with or without native evaluation."""
    (tool, *_) = catalogue.tools
    schema = request_schema(catalogue, {owner.past: kinds_of(owner.policy_set, catalogue)})
    return build_slice(
        tool,
        [owner],
        domain=catalogue.domain,
        schema=cedarpy.Schema.from_json_str(orjson.dumps(schema).decode()),
        context=context_types(schema)[tool.name] if native else None,
    )


def check_seed(
    seed: int,
    count: Count,
    *,
    rules: Callable[[int], RuleMaker] = NativeRules,
    requests: Callable[[int], RequestMaker] = OddRequests,
) -> None:
    """Compare one rule on random requests: whether it is satisfied, and whether it errs."""
    owner = compiled(rules(seed).rule())
    by_cedar, native = slice_of(owner, native=False), slice_of(owner, native=True)
    if native.full.matcher is None:
        count.left += 1
        return
    maker = requests(seed)
    for _ in range(REQUESTS):
        request = maker.request(owner)
        given = input_of(by_cedar, request, request.arguments or {})
        result = evaluate(by_cedar, request, given, {}, aside=frozenset())
        errs = bool(result.failures)
        seen = bool(result.permitting or result.denying) and not errs, errs
        told = _told(native.full.matcher, native, request)
        count.checks += 1
        count.matched += seen[0]
        count.errors += errs
        same = evaluate(native, request, given, {}, aside=frozenset()) == result
        if told not in {seen, None} or not same:
            text = owner.policy_set.rules
            count.mismatches.append(f"{seed}: {told} for {seen}: {text} {request}")


def _told(matcher: Matcher, rules: Slice, request: Request) -> tuple[bool, bool] | None:
    """Whether the rule is satisfied and whether it errs; None where Cedar is to be asked."""
    context = context_of(rules, request, {})
    if not typed(rules, context):
        return None
    context["input"] = input_of(rules, request, request.arguments or {}).record
    try:
        forbidding, permitting = matcher(request.agent, context)
    except (KeyError, OverflowError):
        return False, True
    (matched,) = forbidding + permitting
    return matched, False
