"""`where`: a Cedar condition on the event that a fact collects.

It may read `context.input`, `context.output`, `context.tool`, `context.text` (what the user said)
and `context.past.F`, an earlier fact as it stood when the event came; `principal` is the agent that
acted. `context.` may be left out, and `resource.trust` is another way to write `tool.trust`.

A condition that fails to evaluate (a field that the output does not have) is neither true nor
false: the event counts as a doubt, never as one that did not happen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import cedarpy
import orjson
from pydantic import JsonValue

from mythos.engines.policy.cedar_text import Token, split_rules
from mythos.errors import PolicyError

PARTS = ("input", "output", "past", "tool", "text")

_HEAD = "permit(principal, action, resource) when { "
_NO_ENTITIES = cedarpy.Entities.from_json_str("[]")


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was read: its Cedar text, what it reads, and the parsed handle."""

    rule: str
    parts: frozenset[str]
    facts: frozenset[str]
    handle: cedarpy.PolicySet = field(repr=False, compare=False)

    def holds(self, context: Mapping[str, JsonValue], *, agent: str, event: str) -> bool | None:
        """Whether it holds for one event; None if it cannot be evaluated.

        Args:
            context: the parts that it reads, in Cedar's JSON form.
            agent: who acted.
            event: the tool's or user event's name.
        """
        answer = cedarpy.is_authorized(
            {
                "principal": {"type": "Agent", "id": agent},
                "action": {"type": "Action", "id": event},
                "resource": {"type": "Tool", "id": event},
                "context": orjson.dumps(dict(context)).decode(),
            },
            self.handle,
            _NO_ENTITIES,
        )
        if answer.diagnostics.errors or answer.decision is cedarpy.Decision.NoDecision:
            return None
        return answer.decision is cedarpy.Decision.Allow


def read_condition(text: str) -> Condition:
    """Read a condition.

    Raises:
        PolicyError: it is no Cedar condition, or reads what an event does not have.
    """
    rule = f"{_HEAD}{text} }};"
    sources, problems = split_rules(rule)
    if problems or len(sources) != 1 or len(text) > 4_000:
        raise _refused(text, problems[0].message if problems else "it is not one condition")
    tokens = sources[0].tokens
    reads = list(_reads(tokens))
    for part, _, token in reads:
        if part not in PARTS:
            raise _refused(text, f"an event has no {token.text!r}")
    cedar = _spelt_out(rule, tokens)
    try:
        handle = cedarpy.PolicySet.from_str(cedar)
        (policy,) = orjson.loads(cedarpy.policies_to_json_str(cedar))["staticPolicies"].values()
    except ValueError as error:
        raise _refused(text, f"it is not Cedar: {error}") from None
    if len(policy["conditions"]) != 1:
        raise _refused(text, "it is not one condition")
    return Condition(
        rule=cedar,
        parts=frozenset(part for part, _, _ in reads),
        facts=frozenset(name for part, name, _ in reads if part == "past" and name),
        handle=handle,
    )


def _refused(text: str, why: str) -> PolicyError:
    return PolicyError(
        f"`where: {text}`: {why}",
        remedy="write a Cedar condition on context." + ", context.".join(PARTS),
    )


def _reads(tokens: tuple[Token, ...]) -> Iterator[tuple[str, str, Token]]:
    """Each read of a part: its name, the name after it, and where it stands."""
    for index, token in enumerate(tokens):
        if _starts(tokens, index, "context"):
            yield _word(tokens, index + 2), _word(tokens, index + 4), tokens[index + 2]
        elif _is_trust(tokens, index):
            yield "tool", "trust", token
        elif token.text in PARTS and _starts(tokens, index, token.text):
            yield token.text, _word(tokens, index + 2), token


def _spelt_out(rule: str, tokens: tuple[Token, ...]) -> str:
    """The rule with every part read from `context`."""
    for index in range(len(tokens) - 1, -1, -1):
        token = tokens[index]
        if _is_trust(tokens, index):
            rule = f"{rule[: token.start]}context.tool{rule[token.end :]}"
        elif token.text in PARTS and _starts(tokens, index, token.text):
            rule = f"{rule[: token.start]}context.{rule[token.start :]}"
    return rule


def _starts(tokens: tuple[Token, ...], index: int, word: str) -> bool:
    """Whether `word` stands at `index` as a variable that is read, not as a field or a key."""
    if tokens[index].text != word or index + 2 >= len(tokens):
        return False
    before = tokens[index - 1].text if index else ""
    after = tokens[index + 1].text
    reads = after in {".", "has", "["} or (word == "text" and after not in {":", "::", "("})
    return reads and before not in {".", "::", "has"}


def _is_trust(tokens: tuple[Token, ...], index: int) -> bool:
    words = [token.text for token in tokens[index : index + 3]]
    return words == ["resource", ".", "trust"]


def _word(tokens: tuple[Token, ...], index: int) -> str:
    return tokens[index].text.strip('"') if index < len(tokens) else ""
