"""Every run of a small workflow under policy sets, by the engine that decides: no solver.

Slow and obvious on purpose: what the product is compared with. A run takes the steps of one word
one after the other, with every choice of a few arguments, outcomes and words of the user, and goes
on only after a call that was allowed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import TypeAlias

from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.facts.happening import Happening
from mythos.engines.policy.facts.history import Asker, History
from mythos.engines.policy.request import Request
from mythos.values.block import Act, Block, Loop, Opt, Seq, Xor, inner_blocks
from tests.engines.coherence.workflow.tales import SECOND, SHOP

Word: TypeAlias = "tuple[tuple[str, str], ...]"
"""Steps: block path and label."""
Said: TypeAlias = "tuple[Happening, ...]"

_WORDS = ((), ("user.message",), ("user.message", "user.confirm"))


def words(block: Block, longest: int, path: str = "steps") -> set[Word]:
    """The words of a block of at most `longest` steps."""
    parts = [words(inner, longest, f"{path}/{name}") for name, inner in inner_blocks(block).items()]
    match block:
        case Act():
            found: set[Word] = {((f"{path}/act", block.act),)}
        case Xor():
            found = set().union(*parts)
        case Opt():
            found = {(), *parts[0]}
        case Loop():
            do, redo = parts
            found = _rounds(do, redo, longest)
        case _:
            found = {()}
            for part in parts:
                pairs = [(a, b) for a in found for b in part if len(a + b) <= longest]
                found = {word for a, b in pairs for word in _joined(block, a, b)}
    return found


def _joined(block: Block, one: Word, other: Word) -> Iterator[Word]:
    return iter([one + other]) if isinstance(block, Seq) else _shuffles(one, other)


def _rounds(do: set[Word], redo: set[Word], longest: int) -> set[Word]:
    found = last = set(do)
    while last:
        last = {a + b + c for a, b, c in product(last, redo, do)}
        last = {word for word in last if len(word) <= longest} - found
        found = found | last
    return found


def _shuffles(one: Word, other: Word) -> Iterator[Word]:
    if not one or not other:
        yield one + other
        return
    yield from ((one[0], *rest) for rest in _shuffles(one[1:], other))
    yield from ((other[0], *rest) for rest in _shuffles(one, other[1:]))


@dataclass
class Runs:
    """Walks all runs of some words. `permitted` are the steps it could take somewhere."""

    engine: PolicyEngine
    asks: bool
    permitted: set[str] = field(default_factory=set)
    finished: bool = False

    def walk(self, every: set[Word]) -> Runs:
        self._from(every, (), 0)
        return self

    def _from(self, rest: set[Word], told: Said, now_s: int) -> None:
        self.finished = self.finished or () in rest
        if self.finished and {path for word in rest for path, _ in word} <= self.permitted:
            return  # nothing to learn further on
        heads = {word[0] for word in rest if word}
        for head in sorted(heads):
            after = {word[1:] for word in rest if word and word[0] == head}
            for events in _WORDS[: 2 if self.asks else 3]:
                said = (*told, *_words(events, now_s + 1))
                for more in self._taken(head, said, now_s + 2):
                    self._from(after, (*said, *more), now_s + 4)

    def _taken(self, head: tuple[str, str], told: Said, now_s: int) -> Iterator[Said]:
        path, label = head
        if label.startswith("user."):
            self.permitted.add(path)
            for events in ((label,), ("user.message", label), ("user.message",)):
                yield _words(events, now_s)
            return
        history = self._history(told)
        for key, cents in product("ab", (1, 9)):
            call = Happening(
                label,
                f"{label}@{now_s}",
                now_s * SECOND,
                (now_s + 1) * SECOND,
                "bot",
                arguments={"id": key, "cents": cents},
                output="fine",
                output_captured=True,
            )
            if not self._allowed(call, history):
                continue
            self.permitted.add(path)
            yield (call,)
            yield (Happening(**{**_fields(call), "ok": False}),)  # type: ignore[arg-type]
            if label == "ask":
                yield (call, *_words(("user.confirm",), now_s + 1))

    def _history(self, told: Said) -> History:
        history = History(self.engine.plans, SHOP)
        for one in told:
            if one.name.startswith("user."):
                history.said(one)
            else:
                history.began(one)
                history.ended(one)
        return history

    def _allowed(self, call: Happening, history: History) -> bool:
        asker = Asker(call.agent, call.name, call.arguments, frozenset(), call.start_ns)
        facts = {
            name: {plan.name: history.ask(plan, asker) for plan in plans}
            for name, plans in self.engine.facts_about(call.name)
        }
        request = Request(
            agent=call.agent,
            tool=call.name,
            arguments=call.arguments,
            facts=facts,
            licensed=True,
            now_ns=call.start_ns,
        )
        return self.engine.decide(request, in_force=self.engine.policy_sets).allowed


def _fields(call: Happening) -> dict[str, object]:
    return {name: getattr(call, name) for name in call.__slots__}


def _words(events: tuple[str, ...], now_s: int) -> Said:
    at = now_s * SECOND
    return tuple(Happening(name, f"{name}@{now_s}", at, at, "bot", text="yes") for name in events)
