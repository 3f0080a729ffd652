"""Samples are the bottom-k by SHA-256 of the span id, whoever counts first."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.evidence.plain import plain
from mythos.engines.evidence.sample import Sample, Samples
from mythos.errors import EvidenceError
from mythos.values.digest import canonical_bytes
from mythos.values.outcome import Outcome
from tests.engines.evidence.strategies import JSON, SAMPLES, samples


def sample(span_id: str, outcome: Outcome = Outcome.VIOLATED) -> Sample:
    return Sample(span_id, "trace", "send_money", "payments", 1_000, outcome, "recipient_origin")


@given(SAMPLES, SAMPLES, SAMPLES)
def test_merging_is_commutative_associative_and_idempotent(
    a: Samples, b: Samples, c: Samples
) -> None:
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a + a == a
    assert a + Samples() == Samples() + a == a


@given(SAMPLES)
def test_samples_written_as_json_read_back_the_same(chosen: Samples) -> None:
    assert Samples.from_json(json.loads(json.dumps(chosen.to_json()))) == chosen


@given(samples(st.dictionaries(st.text(max_size=4), JSON, max_size=3)))
def test_whatever_the_arguments_hold_the_sample_has_canonical_bytes(one: Sample) -> None:
    assert canonical_bytes(one.to_json())
    assert Sample.from_json(json.loads(canonical_bytes(one.to_json()))) == one


@given(JSON)
def test_making_plain_twice_changes_nothing(value: object) -> None:
    assert plain(plain(value)) == plain(value)


def test_numbers_without_canonical_form_and_long_text_are_kept_as_text() -> None:
    assert plain([2**53, 1e20, math.inf]) == ["9007199254740992", "1e+20", "inf"]
    assert plain(["\ud800", 1.5]) == ["?", 1.5]
    assert plain("x" * 3_000) == "x" * 1_999 + "…"


def test_of_forty_violations_the_32_with_the_least_digest_stay() -> None:
    spans = [f"{n:016x}" for n in range(40)]
    chosen = Samples.of(map(sample, spans))
    least = sorted(spans, key=lambda span: hashlib.sha256(span.encode()).hexdigest())[:32]
    assert [one.span_id for one in chosen.violating] == least


def test_clean_calls_never_push_out_a_violation() -> None:
    clean = [sample(f"{n:016x}", Outcome.UPHELD) for n in range(100)]
    chosen = Samples.of([*clean, sample("bad")])
    assert [one.span_id for one in chosen.violating] == ["bad"]
    assert len(chosen.clean) == 8


def test_a_blocked_call_counts_with_the_denied_ones_and_an_undecidable_one_does_not() -> None:
    chosen = Samples.of([sample("b", Outcome.BLOCKED), sample("u", Outcome.UNDECIDABLE)])
    assert [one.span_id for one in chosen.violating] == ["b"]
    assert [one.span_id for one in chosen.clean] == ["u"]


def test_one_span_told_twice_is_one_sample() -> None:
    one = sample("a")
    other = replace(one, why="told otherwise")
    assert len(Samples.of([one, other]).violating) == 1
    assert Samples.of([one, other]) == Samples.of([other, one])


def test_a_sender_cannot_choose_which_samples_come_first() -> None:
    spans = sorted(["a", "b"], key=lambda span: hashlib.sha256(span.encode()).hexdigest())
    written = Samples.of(map(sample, spans)).to_json()
    written["violating"] = list(reversed(written["violating"]))  # type: ignore[arg-type]
    with pytest.raises(EvidenceError, match="order of SHA-256"):
        Samples.from_json(written)


def test_a_sample_of_very_many_rules_still_fits_the_wire() -> None:
    names = tuple(f"r{number}" for number in range(5_000))
    one = Sample("s", "t", "pay", "a", 0, Outcome.VIOLATED, "r0", rules=names, missing=names)
    assert Sample.from_json(one.to_json()) == one
