"""Bad policy sets are refused whole: each objection with file, line, column and what to do."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.policy.cedar_text import KEYWORDS
from mythos.engines.policy.check import check_against
from mythos.engines.policy.document import read_policy_document
from mythos.engines.policy.facts.circles import circles
from mythos.errors import DocumentError, PolicyError
from tests.engines.policy.scenes import RETAIL

RULE = '@id("a") permit(principal, action, resource)'
HEAD = "policy_set: p\nversion: 1\ncovers: {tools: shop/retail}\n"


def yaml(*lines: str, facts: str = "") -> str:
    """A document whose rules begin in line 6, in column 3."""
    body = "\n".join(f"  {line}" for line in lines)
    return f"{HEAD}facts: {{{facts}}}\nrules: |\n{body}\n"


def read(text: str, source: str) -> None:
    document = read_policy_document(text, source=source)
    check_against(document.policy_set, [RETAIL], places=document.places)


def refused(text: str, source: str = "p.yaml") -> tuple[DocumentError, ...]:
    with pytest.raises(PolicyError) as caught:
        read(text, source)
    assert all(one.remedy for one in caught.value.each)
    return caught.value.each


def when(condition: str) -> str:
    return f"{RULE} when {{ {condition} }};"


PLACED = [
    ("1.5 == 1", "1.5", "it has no number 1.5"),
    ("context.input.amount_cents > 9223372036854775808", "9223372036854775808", "too large"),
    ("context.input.amount_cents > -9223372036854775809", "9223372036854775809", "too large"),
    ('"\\q" == "q"', '"\\q"', "escape"),
    ("true && && true", "@id", "unexpected token"),
    ("nobody", "nobody", "nobody"),
    ("context.licensed == 'x'", "'", "invalid token"),
    ("context.input.note.shout()", "shout", "not a valid method"),
    ("context.pats.x", "pats", "no part 'pats'"),
    ("context.past.sen", "sen", "`facts` does not declare"),
    ("context == context", "context", "as a whole"),
    ("?principal == principal", "?", "template"),
    ('action == Action::"refnd"', '"refnd"', "does not declare"),
    ('principal in Group::"x"', "Group", "Group"),
    ("principal.clearance > 1", "clearance", "clearance"),
    ('context.now < "2026-01-01"', "@id", "datetime"),
]


@pytest.mark.parametrize(("condition", "word", "message"), PLACED)
def test_a_bad_word_is_placed_in_a_block(condition: str, word: str, message: str) -> None:
    first, *_ = refused(yaml("// a comment", "", when(condition)))
    assert message in first.message
    assert first.where == f"p.yaml:8:{when(condition).index(word) + 3}"


@pytest.mark.parametrize(("condition", "word", "message"), PLACED)
def test_a_bad_word_is_placed_in_a_json_string(condition: str, word: str, message: str) -> None:
    rules = json.dumps(f"// é \U0001f600 \\ \t\n\n{when(condition)}")
    head = '"policy_set": "p", "version": 1, "covers": {"tools": "shop/retail"}'
    text = f'{{{head},\n"rules": {rules}}}'
    first, *_ = refused(text, "p.json")
    assert message in first.message
    line = text.splitlines()[1]
    begins = line.index("@id")
    place = begins if word == "@id" else line.index(json.dumps(word)[1:-1], begins)
    assert first.where == f"p.json:2:{place + 1}"


@pytest.mark.parametrize(
    ("lines", "place", "message"),
    [
        ([f"{RULE};", f"{RULE};"], "7:3", "@id('a') is already"),
        ([f"{RULE};", "permit(principal, action, resource);"], "7:3", "no @id"),
        (['@id("a") @severty("critical") permit(principal, action, resource);'], "6:3", "@severty"),
        (['@id("a") @explian("x") permit(principal, action, resource);'], "6:3", "@explian"),
        ([RULE], "6:3", "no closing ;"),
        ([when('"open'), '@id("b") forbid(principal, action, resource);'], "6:55", "no closing"),
        ([when(f"{'(' * 100}true{')' * 100}")], "6:3", "nests 101 deep"),
        ([when(f"{'[' * 9000}{']' * 9000}")], "6:3", "nests 9001 deep"),
        ([when(f"{'if true then true else ' * 101}true")], "6:3", "nests 101 deep"),
        ([when(" && ".join(["true"] * 3000))], "6:3", "longer than 4000"),
        ([when(f"{'!' * 200}true")], "6:3", "too many"),
        ([when(f"context.input{'.a' * 1900}")], "6:3", ""),
    ],
)
def test_a_bad_rule_is_placed(lines: list[str], place: str, message: str) -> None:
    first, *_ = refused(yaml(*lines))
    assert message in first.message
    assert first.where == f"p.yaml:{place}"


def test_nesting_of_a_hundred_is_still_read() -> None:
    text = yaml(when(f"{'(' * 99}true{')' * 99}"))
    assert read_policy_document(text, source="p.yaml").rules[0].id == "a"


def test_a_string_that_swallowed_the_next_rule_is_found_where_it_begins() -> None:
    lines = [f"{RULE} when {{ context.licensed && ", '"open == "x" };', f'{RULE} when {{ "y" }};']
    first, *_ = refused(yaml(*lines))
    assert first.where.startswith("p.yaml:7:")


def test_ten_thousand_rules_are_the_limit() -> None:
    lines = [f'@id("r{n}") permit(principal, action, resource);' for n in range(10_001)]
    [only] = refused(yaml(*lines))
    assert (only.where, "10001 rules" in only.message) == ("p.yaml:10006:3", True)


def test_a_mebibyte_is_the_limit() -> None:
    [only] = refused(f"{yaml(f'{RULE};')}# {'x' * 2**20}")
    assert (only.where, "1048576" in only.message) == ("p.yaml", True)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ("f: {once: refnd}", "'refnd', which is no tool"),
        ("f: {once: user.confirm, since: [refund, refnd]}", "'refnd', which is no tool"),
        ("f: {once: refund, where: input.x =}", "not Cedar"),
        ("f: {once: refund, where: past.g}, g: {once: refund, where: past.f}", "f → g → f"),
        ("f: {once: refund, where: past.h}", "past.h, which `facts` does not declare"),
        ("f: {count: refund, by: order_id}", "`by: order_id` is no argument of refund"),
        ("f: {count: refund, scope: agent, within: 90d}", "longer than history is kept"),
        ("f: {count: refund, scope: agent}", "add `within`"),
        ("f: {sum: input.note, of: refund}", "no number"),
        ("f: {last: output, of: user.message}", "no fields"),
        ("f: {count: refund, by: []}", "`by` is empty"),
        ("f: {once: []}", "`once` is empty"),
        ("f: {once: refund, since: []}", "`since` is empty"),
        ("f: {count: ''}", "`count` is empty"),
        ("f: {sum: input.amount_cents, of: []}", "`of` is empty"),
        ("f: {once: refund, within: 1y}", "no length of time; write a whole number"),
        ("f: {once: refund, within: 10}", "a text belongs here"),
        ("f: {sum: amount, of: refund}", "no field of a call; write input.NAME"),
        ("F: {once: refund}", "no name of a fact; begin with a lower-case letter"),
        *((f"{word}: {{once: refund}}", "a word of Cedar's own") for word in sorted(KEYWORDS)),
    ],
)
def test_a_bad_fact_is_placed_at_its_line(facts: str, message: str) -> None:
    found = refused(yaml(f"{RULE};", facts=facts))
    text = "; ".join(f"{one.message}; {one.remedy}" for one in found)
    assert message in text
    assert "^" not in text
    assert {one.where.rpartition(":")[0] for one in found} == {"p.yaml:4"}


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("", "p.yaml:1:1", "empty"),
        ("[]", "p.yaml:1:1", "a mapping belongs here"),
        ("just words", "p.yaml:1:1", "a mapping belongs here"),
        (f"{HEAD}rules: ''\nrule: x\n", "p.yaml:5:1", "unknown"),
        (f"{HEAD}version: 2\nrules: ''\n", "p.yaml:4:1", "already given"),
        (f"{HEAD}rules: 7\n", "p.yaml:4:8", "7 is a number here"),
        ("policy_set: p\nversion: 1.5\nrules: ''\n", "p.yaml:2:10", "integer"),
        ("policy_set: p\nversion: 0\nrules: ''\n", "p.yaml:2:10", "at least 1 belongs"),
        ("policy_set: p\nversion: 99999999999\nrules: ''\n", "p.yaml:2:10", "at most "),
        ("policy_set: p\nversion: true\nrules: ''\n", "p.yaml:2:10", "true is a truth value"),
        ("policy_set: p\nversion: 1.0\nrules: ''\n", "p.yaml:2:10", "1.0 is a number with a"),
        ("policy_set: p\nversion: '1'\nrules: ''\n", "p.yaml:2:10", "'1' is a text here"),
        (f"{HEAD}critical: yes\nrules: ''\n", "p.yaml:4:11", "'yes' is a text here"),
        (f"{HEAD}critical: 1\nrules: ''\n", "p.yaml:4:11", "1 is a number here"),
        (f"{HEAD.replace('shop/retail', '[]')}rules: |\n  {RULE};\n", "p.yaml:3:17", "names no"),
        (f"{HEAD}facts: {{f: {{onse: refund}}}}\nrules: ''\n", "p.yaml:4:", "facts/f"),
        (f"{HEAD}facts: {{F: {{once: refund}}}}\nrules: ''\n", "p.yaml:4:", "facts"),
        (f"{HEAD}facts: {{f: {{once: refund, within: 1y}}}}\nrules: ''\n", "p.yaml:4:", "within"),
        (f"{HEAD}facts: &a {{}}\nrules: *a\n", "p.yaml:5:8", "alias"),
        ("policy_set: a/b\n", "p.yaml:1:13", "no name of a policy set"),
        ('policy_set: "a\\nb"\n', "p.yaml:1:13", "no name of a policy set"),
        ('policy_set: "a\\eb"\n', "p.yaml:1:13", "no name of a policy set"),
        ("policy_set: ' '\n", "p.yaml:1:13", "no name of a policy set"),
        ("policy_set: \ud800\n", "p.yaml", "Unicode"),
        ("policy_set: p\x07\n", "p.yaml:", "YAML"),
    ],
)
def test_a_bad_document_is_placed(text: str, where: str, message: str) -> None:
    first, *_ = refused(text)
    assert first.where.startswith(where)
    assert message in first.message


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("critical: yes", "write true"),
        ("critical: off", "write false"),
        ("critical: maybe", "write true or false"),
        ("version: 2.0", "write 2"),
        ("version: '3'", "write 3"),
        ("version: true", "write a whole number, such as 1"),
        ("policy_set: 7", 'write "7"'),
        ("policy_set: true", 'write "true"'),
    ],
)
def test_what_yaml_reads_otherwise_than_meant_is_told_with_its_spelling(
    line: str, remedy: str
) -> None:
    keys = {"policy_set": "p", "version": "1"}
    key, _, written = line.partition(": ")
    head = "".join(f"{each}: {value}\n" for each, value in {**keys, key: written}.items())
    [only] = refused(f"{head}rules: |\n  {RULE};\n")
    assert only.remedy == remedy


@pytest.mark.parametrize(
    ("entry", "where", "message"),
    [
        ("licensed: yes", "p.yaml:7:", "expect/1/request/licensed of 'b': 'yes' is a text"),
        ("depth: 1.0", "p.yaml:7:", "expect/1/request/depth of 'b': 1.0 is"),
        ("now: 5", "p.yaml:7:", "expect/1/request/now of 'b': 5 is no time with its zone"),
        ("past: {f: true}", "p.yaml:7:", "expect 'b': the fact 'f' is not declared"),
        ("arguments: {a: 1.23456}", "p.yaml:7:", "expect 'b': 1.23456 has more than"),
    ],
)
def test_a_bad_entry_of_expect_is_told_by_its_name(entry: str, where: str, message: str) -> None:
    text = yaml(f"{RULE};").replace("version: 1", "version: 1\nexpect:\n" + "  - {EACH}\n" * 2)
    good = "name: a, never: allow, when: 'false'"
    bad = f"name: b, decision: deny, request: {{tool: refund, {entry}}}"
    first, *_ = refused(text.replace("EACH", good, 1).replace("EACH", bad).replace("}\n\n", "}\n"))
    assert message in first.message
    assert first.where.startswith(where.replace("7", "5"))


def test_every_circle_of_facts_is_told() -> None:
    reads = {"a": "b", "b": "a", "c": "c", "d": "a", "e": "f", "f": "g", "g": "e", "h": "h"}
    facts = ", ".join(f"{name}: {{once: refund, where: past.{r}}}" for name, r in reads.items())
    found = refused(yaml(f"{RULE};", facts=facts))
    assert [one.message.partition("itself: ")[2] for one in found] == [
        "a → b → a",
        "c → c",
        "e → f → g → e",
        "h → h",
    ]


@given(
    st.dictionaries(
        st.sampled_from("abcdef"), st.frozensets(st.sampled_from("abcdef"), max_size=3), max_size=6
    )
)
def test_each_read_that_leads_back_lies_on_a_circle_that_is_told(
    needs: dict[str, frozenset[str]],
) -> None:
    """Against a plain search for what each fact leads to."""

    def leads_to(name: str) -> set[str]:
        found: set[str] = set()
        ahead = [name]
        while ahead:
            for read in needs.get(ahead.pop(), frozenset()) - found:
                found.add(read)
                ahead.append(read)
        return found

    told = list(circles(needs))
    pairs = {pair for way in told for pair in pairwise(way)}
    assert all(way[0] == way[-1] for way in told)
    assert all(read in needs[name] for name, read in pairs)
    back = {(n, r) for n, reads in needs.items() for r in reads if r == n or n in leads_to(r)}
    assert pairs == back


def test_a_ring_of_many_facts_is_told_once() -> None:
    ring = {f"f{n}": frozenset({f"f{(n + 1) % 20_000}"}) for n in range(20_000)}
    [only] = circles(ring)
    assert len(only) == 20_001


def test_a_wrong_fact_hides_nothing_else() -> None:
    text = yaml(
        "permit(principal, action, resource);",
        f"{RULE} when {{ context.past.f && context.past.g }};",
        facts="f: {onse: refund}, in: {once: refund}",
    )
    found = refused(text)
    assert "facts/f/onse" in found[1].message
    assert [one.where for one in found[-3:]] == ["p.yaml:4:28", "p.yaml:6:3", "p.yaml:7:86"]


def test_everything_is_told_at_once_in_the_order_of_the_file() -> None:
    text = yaml(
        "permit(principal, action, resource);",
        '@id("b") forbid(principal, action, resource) when { 1.5 };',
        '@id("c") forbid(principal, action, resource) when { context.past.sen };',
        facts="f: {once: user.confirm, by: order_id}",
    )
    found = refused(
        text.replace("version: 1", "version: 1\nexpect: [{name: x, never: allow, when: '1 ='}]")
    )
    assert [one.where.split(":")[1] for one in found] == ["5", "7", "8", "9", "3"]


@given(st.text(alphabet=st.sampled_from('@id("a")permit,whn{}.;=<> \n\\/*principal1'), max_size=80))
def test_no_rules_text_ends_in_anything_but_rules_or_placed_objections(rules: str) -> None:
    text = json.dumps({"policy_set": "p", "version": 1, "rules": rules})
    try:
        read_policy_document(text, source="p.json")
    except PolicyError as error:
        for one in error.each:
            assert one.where.startswith("p.json:1:")
            assert one.remedy
