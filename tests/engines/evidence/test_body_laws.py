"""Every body is a commutative monoid with a strict JSON form."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.evidence.body import Body
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.row import BODIES
from mythos.engines.evidence.time import TimeBody
from mythos.errors import EvidenceError
from tests.engines.evidence.strategies import BY_KIND, MEMORY, TIME

KINDS = sorted(BY_KIND)


@st.composite
def triples(draw: st.DrawFn) -> tuple[Body, Body, Body]:
    body = BY_KIND[draw(st.sampled_from(KINDS))]
    return draw(body), draw(body), draw(body)


@given(triples())
def test_adding_in_any_order_and_grouping_gives_one_body(bodies: tuple[Body, Body, Body]) -> None:
    a, b, c = bodies
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)


@given(triples())
def test_the_empty_body_changes_nothing(bodies: tuple[Body, Body, Body]) -> None:
    body = bodies[0]
    assert body + type(body)() == body
    assert type(body)() + body == body


@given(triples())
def test_a_body_written_as_json_reads_back_the_same(bodies: tuple[Body, Body, Body]) -> None:
    body = bodies[0]
    assert type(body).from_json(json.loads(json.dumps(body.to_json()))) == body


@given(MEMORY)
def test_the_same_audit_twice_counts_once(body: MemoryBody) -> None:
    assert body + body == body


def test_of_two_audits_the_one_of_the_larger_log_stands_unless_a_proof_failed() -> None:
    small, large = MemoryBody(size=5, audited_at=9), MemoryBody(size=6, audited_at=8)
    cut_short = MemoryBody(size=3, audited_at=10, proof_failed=True)
    assert small + large == large
    assert large + cut_short == cut_short


@given(TIME)
def test_the_same_time_twice_keeps_its_bits(body: TimeBody) -> None:
    twice = body + body
    assert (twice.active, twice.covered, twice.stale) == (body.active, body.covered, body.stale)


@pytest.mark.parametrize("kind", sorted(BODIES))
def test_a_body_with_an_unknown_member_is_refused(kind: str) -> None:
    body = next(known for name, known in BODIES.items() if name == kind)
    written = body().to_json() | {"surprise": 1}
    with pytest.raises(EvidenceError, match="surprise") as caught:
        body.from_json(written)
    assert "mythos.evidence/1" in caught.value.remedy


@pytest.mark.parametrize("kind", sorted(BODIES))
def test_a_body_that_lacks_a_member_is_refused(kind: str) -> None:
    body = next(known for name, known in BODIES.items() if name == kind)
    written = body().to_json()
    written.popitem()
    with pytest.raises(EvidenceError, match="members"):
        body.from_json(written)


@pytest.mark.parametrize("wrong", [-1, 1.0, True, "1", None, 2**53 + 1])
def test_a_count_that_is_no_count_is_refused(wrong: object) -> None:
    with pytest.raises(EvidenceError, match="whole number"):
        BODIES["action"].from_json({"n": wrong, "x": 0})  # type: ignore[dict-item]


def test_more_denied_calls_than_calls_are_refused() -> None:
    with pytest.raises(EvidenceError, match="from 0 to n=2"):
        BODIES["action"].from_json({"n": 2, "x": 3})
