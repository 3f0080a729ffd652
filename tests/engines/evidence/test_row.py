"""Rows merge, roll up, travel and are named, whatever their order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.evidence.action import ActionBody
from mythos.engines.evidence.policy import PolicyBody
from mythos.engines.evidence.row import (
    EvidenceRow,
    RowKey,
    bytes_of_row,
    digest_of_rows,
    from_wire,
    merge,
    roll_up,
    to_wire,
)
from mythos.engines.evidence.sample import Sample, Samples
from mythos.engines.evidence.time import TimeBody
from mythos.errors import EvidenceError
from mythos.values.digest import canonical_bytes
from mythos.values.evidence import Row
from mythos.values.outcome import Outcome
from tests.engines.evidence.strategies import JSON, ROWS, rows

KEY = RowKey("n1", "prod", "", "name:a", "action", "send_money", 3_600, 60)
TIME_KEY = replace(KEY, agent="", kind="time", subject="", width_s=3_600)


@given(ROWS, st.randoms(use_true_random=False))
def test_merging_in_any_order_gives_the_same_rows(some: list[EvidenceRow], random: object) -> None:
    shuffled = list(some)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merge(shuffled) == merge(some)
    assert digest_of_rows(shuffled) == digest_of_rows(some)


@given(ROWS, ROWS)
def test_merging_in_parts_gives_the_same_rows(
    some: list[EvidenceRow], more: list[EvidenceRow]
) -> None:
    assert merge([*merge(some), *merge(more)]) == merge([*some, *more])
    assert digest_of_rows(merge(some)) == digest_of_rows(some)


@given(ROWS, ROWS, st.sampled_from([3_600, 86_400]))
def test_rolling_up_then_merging_is_merging_then_rolling_up(
    some: list[EvidenceRow], more: list[EvidenceRow], width_s: int
) -> None:
    apart = merge([*roll_up(some, width_s=width_s), *roll_up(more, width_s=width_s)])  # type: ignore[arg-type]
    assert apart == roll_up(merge([*some, *more]), width_s=width_s)  # type: ignore[arg-type]


@given(ROWS)
def test_rolling_up_by_hours_then_days_is_rolling_up_by_days(some: list[EvidenceRow]) -> None:
    assert roll_up(roll_up(some, width_s=3_600), width_s=86_400) == roll_up(some, width_s=86_400)


@given(rows())
def test_a_row_sent_and_received_is_the_same_row(row: EvidenceRow) -> None:
    assert from_wire(Row.model_validate_json(to_wire(row).model_dump_json())) == row


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=3))
def test_a_row_has_the_bytes_of_rfc_8785(arguments: dict[str, object]) -> None:
    one = Sample("s", "t", "tool", "a", 0, Outcome.UPHELD, "r", arguments=arguments)  # type: ignore[arg-type]
    row = EvidenceRow(replace(KEY, kind="policy"), PolicyBody(samples=Samples.of([one])))
    assert bytes_of_row(row) == canonical_bytes(to_wire(row).model_dump(mode="json"))


def test_an_hour_rolled_up_lands_in_its_place_in_the_day() -> None:
    [day] = roll_up([EvidenceRow(TIME_KEY, TimeBody(60, active=0b101))], width_s=86_400)
    assert day.key.cell == 0
    assert day.key.width_s == 86_400
    assert day.body == TimeBody(60, active=0b101 << 60)


def test_rows_already_wider_stay_as_they_are() -> None:
    wide = EvidenceRow(replace(KEY, cell=86_400, width_s=86_400), ActionBody(1, 0))
    assert roll_up([wide], width_s=3_600) == [wide]


def test_other_evidence_has_another_digest() -> None:
    one = EvidenceRow(KEY, ActionBody(1, 0))
    assert digest_of_rows([one]) != digest_of_rows([EvidenceRow(KEY, ActionBody(1, 1))])
    assert digest_of_rows([one]) != digest_of_rows([])


def test_a_cell_that_does_not_begin_at_its_width_is_refused() -> None:
    row = to_wire(EvidenceRow(replace(KEY, cell=61), ActionBody(1, 0)))
    with pytest.raises(EvidenceError, match="multiple of its width 60 s"):
        from_wire(row)


def test_a_time_row_of_a_minute_is_refused() -> None:
    row = to_wire(EvidenceRow(replace(TIME_KEY, width_s=60), TimeBody(60)))
    with pytest.raises(EvidenceError, match="3600 or 86400"):
        from_wire(row)


def test_time_bits_outside_their_block_are_refused() -> None:
    row = to_wire(EvidenceRow(TIME_KEY, TimeBody(60, active=1 << 60)))
    with pytest.raises(EvidenceError, match="at most 3600 s"):
        from_wire(row)


def test_a_node_that_changed_its_cells_within_an_hour_is_told_in_the_wider_ones() -> None:
    narrow = EvidenceRow(TIME_KEY, TimeBody(20, active=0b100, covered=0b111, spans_received=2))
    wide = EvidenceRow(TIME_KEY, TimeBody(30, active=0b1_000, bad=0b1_000, covered=0b11))
    [row] = merge([narrow, wide])
    assert row.body == TimeBody(60, active=0b11, bad=0b10, covered=0b1, spans_received=2)
    assert merge([row, narrow, wide])[0].body.active == 0b11  # type: ignore[attr-defined]


WIDTHS = st.sampled_from([1, 10, 25, 60])
TIMES = st.builds(
    lambda cell_s, bits, n: EvidenceRow(TIME_KEY, TimeBody(cell_s, bits, bits, bits, spans_late=n)),
    WIDTHS,
    st.integers(0, 2**40),
    st.integers(0, 9),
)


@given(st.lists(TIMES, max_size=4), st.lists(TIMES, max_size=4))
def test_what_happened_in_cells_of_many_widths_merges_in_any_grouping(
    some: list[EvidenceRow], more: list[EvidenceRow]
) -> None:
    whole = merge([*some, *more])
    assert merge([*more, *some]) == whole
    assert merge([*merge(some), *merge(more)]) == whole
