"""What a plain Cedar file may say and MythOS never supplies: such a rule could not hold.

A principal is an `Agent` and a resource a `Tool`, both without attributes, tags and groups; an
action is one tool. A `permit` that asks for more would permit nothing, and a `forbid` would fail.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise

import orjson

from mythos.engines.policy.cedar_text import RuleText, Token, plain_newlines, split_rules
from mythos.engines.policy.problem import Problem
from mythos.engines.policy.rule import Rule
from mythos.engines.policy.schema import AGENT, TOOL

_KNOWN = frozenset({AGENT, TOOL, "Action"})
_ATTRIBUTE = {
    "principal": "MythOS knows an agent by its name alone",
    "resource": "MythOS knows a tool by its name alone",
    "action": "MythOS knows an action by its name alone",
}


def foreign_problems(rules: Iterable[Rule], *, groups: Collection[str] = ()) -> Iterator[Problem]:
    """Attributes, types, groups and tags in rules that no request of MythOS has.

    Args:
        rules: well formed.
        groups: actions that are known to be groups (`action_groups`).
    """
    for rule in rules:
        yield from _attributes(rule)
        yield from _types(rule)
        yield from _groups(rule, groups)


def action_groups(schema: str) -> frozenset[str]:
    """The actions that a Cedar schema (JSON) uses as groups of others; empty if it is none."""
    try:
        found = orjson.loads(schema)
    except orjson.JSONDecodeError:
        return frozenset()
    parts = found.values() if isinstance(found, dict) else ()
    listed = [part["actions"] for part in parts if isinstance(part, dict) and "actions" in part]
    actions = [each for part in listed if isinstance(part, dict) for each in part.values()]
    return frozenset(
        str(owner["id"])
        for action in actions
        if isinstance(action, dict)
        for owner in action.get("memberOf") or ()
        if isinstance(owner, dict) and "id" in owner
    )


def none_permits(text: str, *, guard: bool) -> Iterator[Problem]:
    """Why rules cannot be taken as they are: without a `permit`, Cedar denies every call.

    Args:
        text: of the rules.
        guard: they are meant to forbid only; there must be one all the same.
    """
    sources, problems = split_rules(plain_newlines(text))
    if not sources and not problems:
        yield Problem(
            1,
            1,
            "it holds no rule, so Cedar denies every call",
            "write a rule, such as permit (principal, action, resource);",
        )
    elif not (guard or problems or any("permit" in _effect(source) for source in sources)):
        yield _at(
            sources[0].tokens[0],
            "it only forbids, so Cedar denies every call; a policy set without a permit allows "
            "what it does not forbid",
            "add the permits that it stands beside, or say --guard if it is meant to forbid only",
        )


def _effect(source: RuleText) -> Iterator[str]:
    """The word before the scope: `permit` or `forbid`; annotations stand before it."""
    words = source.tokens
    for token, after in pairwise(words):
        if after.text == "(" and token.text in {"permit", "forbid"}:
            yield token.text
            return


def _attributes(rule: Rule) -> Iterator[Problem]:
    for token, sign, name in _threes(rule):
        free = sign.text in {".", "has"} or (sign.text == "[" and name.text.startswith('"'))
        if token.text in _ATTRIBUTE and free:
            read = f"{token.text}.{name.text.strip(chr(34))}"
            yield _at(
                name,
                f"rule {rule.id!r} reads {read}, and {_ATTRIBUTE[token.text]}",
                "name the agents or tools that are meant, or read an argument as context.input.X",
            )


def _types(rule: Rule) -> Iterator[Problem]:
    tokens = rule.source.tokens
    for index, token in enumerate(tokens):
        after = tokens[index + 1].text if index + 1 < len(tokens) else ""
        before = tokens[index - 1].text if index else ""
        named = (after == "::" and before != "::") or before == "is"
        if named and (token.text not in _KNOWN or _is_longer(tokens, index)):
            yield _at(
                token,
                f"rule {rule.id!r} speaks of the type {token.text}, which MythOS does not have",
                f'write {AGENT}::"name" for who acts, {TOOL}::"name" for the tool; there are no '
                "groups, so name each",
            )


def _is_longer(tokens: tuple[Token, ...], index: int) -> bool:
    """Whether a type has a namespace: `Action::Other::"x"`."""
    follows = tokens[index + 1 : index + 3]
    return len(follows) == 2 and follows[0].text == "::" and not follows[1].text.startswith('"')


def _groups(rule: Rule, groups: Collection[str]) -> Iterator[Problem]:
    for token, sign, name in _threes(rule):
        words = (token.text, sign.text, name.text)
        one = words == ("action", "in", "Action")
        known = words[:2] == ("Action", "::") and name.text.strip('"') in groups
        if one or known:
            yield _at(
                name,
                f"rule {rule.id!r} speaks of an action group, and MythOS has none",
                'list the tools, action in [Action::"a", Action::"b"], or write == for one',
            )


def _threes(rule: Rule) -> Iterator[tuple[Token, Token, Token]]:
    tokens = rule.source.tokens
    for index in range(len(tokens) - 2):
        free = not index or tokens[index - 1].text not in {".", "::", "@", "has"}
        if free:
            yield tokens[index], tokens[index + 1], tokens[index + 2]


def _at(token: Token, message: str, remedy: str) -> Problem:
    return Problem(token.line, token.column, message, remedy)
