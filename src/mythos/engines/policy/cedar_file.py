"""Plain Cedar files: a policy set carried to another Cedar engine, and back.

An exported file is the rules, byte for byte, below a header of comments: what a plain engine must
supply with each request and does not enforce, and the rest of the document, which only MythOS
reads back (`cedar_header`). The schema beside it is what MythOS itself checks the rules by, so
Cedar's own validator accepts the pair.

Law: a policy set that is exported and imported has its digest again. A file without a header gets
ids where it has none; nothing else in it changes, comments least of all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import cedarpy
import orjson
from pydantic import JsonValue

from mythos.engines.policy.cedar_header import DOCUMENT, FIRST, LAST, MARK, header
from mythos.engines.policy.cedar_text import RuleText, plain_newlines, split_rules
from mythos.engines.policy.facts.kind import kinds_of
from mythos.engines.policy.problem import Problem, places_by_name, refuse
from mythos.engines.policy.schema import rule_schema
from mythos.errors import PolicyError
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue

_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_.]+")


@dataclass(frozen=True, slots=True)
class CedarFile:
    """A plain Cedar file, taken apart: `head` is the rest of the document, if it tells of one.

    `first_line` is the line of the file that holds line 1 of the rules.
    """

    rules: str
    head: dict[str, JsonValue]
    first_line: int


@dataclass(frozen=True, slots=True)
class Named:
    """An id that was given to a rule. `line` counts within the rules as they were.

    `own_line` says that the id stands on a new line before the rule.
    """

    line: int
    id: str
    own_line: bool


def cedar_text(policy_set: PolicySet, catalogues: Sequence[ToolCatalogue]) -> str:
    """A policy set as a plain Cedar file.

    Args:
        policy_set: well formed.
        catalogues: those that it covers; they say of what kind its facts are.
    """
    return "".join((*header(policy_set, catalogues), LAST, policy_set.rules))


def cedar_schema(
    policy_set: PolicySet, catalogues: Sequence[ToolCatalogue]
) -> dict[str, JsonValue]:
    """The schema of the file, in Cedar's JSON format.

    Args:
        policy_set: checked against the catalogues.
        catalogues: those that it covers.

    Raises:
        PolicyError: two of the catalogues declare one tool in two ways.
    """
    actions: dict[str, JsonValue] = {}
    entities: JsonValue = {}
    for catalogue in catalogues:
        body = rule_schema(catalogue, kinds_of(policy_set, catalogue))[""]
        found = body["actions"] if isinstance(body, dict) else {}
        entities = body["entityTypes"] if isinstance(body, dict) else {}
        for name, action in found.items() if isinstance(found, dict) else ():
            if actions.setdefault(name, action) != action:
                refuse([_two_ways(name)], places_by_name(policy_set.policy_set))
    return {"": {"entityTypes": entities, "actions": actions}}


def read_cedar_file(text: str, *, source: str) -> CedarFile:
    """Take a plain Cedar file apart.

    A header without its first line or the document counts as a comment of the rules;
    where only its line ends were changed, those of the rules were too, and all are plain again.

    Args:
        text: what the file holds.
        source: the file's name, for errors.

    Raises:
        PolicyError: the header holds a document that cannot be read, or has no end.
    """
    if text.startswith(FIRST) and LAST not in text:
        text = plain_newlines(text)
    if not text.startswith(FIRST):
        return CedarFile(text, {}, 1)
    head_text, last, rules = text.partition(LAST)
    told = [
        (number, line.removeprefix(DOCUMENT))
        for number, line in enumerate(head_text.split("\n"), start=1)
        if line.startswith(DOCUMENT)
    ]
    if not told:
        return CedarFile(text, {}, 1)
    try:
        head = orjson.loads(told[0][1])
    except ValueError:
        head = None
    if not last or len(told) > 1 or not head or not isinstance(head, dict):
        raise PolicyError(
            "the policy set that the header holds beside the rules cannot be read",
            remedy="take the file from the export again, or delete the header, whose lines begin "
            f"with `{MARK.strip()}`, to import its rules alone",
            where=f"{source}:{told[-1][0]}",
        )
    return CedarFile(rules, head, head_text.count("\n") + 2)


def with_ids(rules: str) -> tuple[str, tuple[Named, ...]]:
    """The rules with an `@id` for each that had none.

    Args:
        rules: lines ended by line feeds.

    Returns:
        The text, and what was added: effect and first tool, numbered where that is taken. Rules
        that are no Cedar stay as they are, for `read_rules` to refuse.
    """
    sources, _ = split_rules(rules)
    read = [(source, _policy(source)) for source in sources]
    taken = {_noted(policy) for _, policy in read} - {""}
    named: list[Named] = []
    for source, policy in read:
        if policy is not None and not _noted(policy):
            name = _free(_derived(policy), taken)
            taken.add(name)
            named.append(Named(source.line, name, _begins_line(rules, source)))
    by_line = iter(reversed(named))
    for source, policy in reversed(read):
        if policy is not None and not _noted(policy):
            rules = _inserted(rules, source, next(by_line))
    return rules, tuple(named)


def line_before(line: int, named: Sequence[Named]) -> int:
    """Where a line of the rules with their new ids stood before those were added.

    Args:
        line: within the rules as they are.
        named: the ids that were added, in order.
    """
    shift = 0
    for each in named:
        shift += each.own_line and line > each.line + shift
    return line - shift


def _two_ways(tool: str) -> Problem:
    return Problem(
        1,
        1,
        f"two catalogues declare the tool {tool!r} in two ways, and plain Cedar knows one",
        "export for one catalogue at a time",
    )


def _policy(source: RuleText) -> dict[str, JsonValue] | None:
    try:
        static = orjson.loads(cedarpy.policies_to_json_str(source.text))["staticPolicies"]
    except ValueError:
        return None
    (policy,) = static.values() or (None,)
    return policy if isinstance(policy, dict) else None


def _noted(policy: dict[str, JsonValue] | None) -> str:
    annotations = (policy or {}).get("annotations")
    return str(annotations.get("id") or "") if isinstance(annotations, dict) else ""


def _derived(policy: dict[str, JsonValue]) -> str:
    action = policy["action"]
    scope = action if isinstance(action, dict) else {}
    several = scope.get("entities")
    named = several if isinstance(several, list) else [scope.get("entity")]
    first = next((str(each["id"]) for each in named if isinstance(each, dict)), "any")
    return f"{policy['effect']}-{_NOT_IN_IDS.sub('-', first)[:80]}"


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def _begins_line(rules: str, source: RuleText) -> bool:
    return not _before(rules, source).strip()


def _before(rules: str, source: RuleText) -> str:
    """What stands before a rule on its line."""
    at = source.tokens[0].start
    return rules[rules.rfind("\n", 0, at) + 1 : at]


def _inserted(rules: str, source: RuleText, named: Named) -> str:
    at = source.tokens[0].start
    gap = f"\n{_before(rules, source)}" if named.own_line else " "
    return f'{rules[:at]}@id("{named.id}"){gap}{rules[at:]}'
