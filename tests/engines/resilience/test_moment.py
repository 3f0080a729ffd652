"""Every number of seconds is some moment."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.resilience.moment import moment_of, read, written_unix
from mythos.values.evidence import LAST_SECOND


@given(st.integers(0, LAST_SECOND))
def test_a_second_is_its_moment(second: int) -> None:
    assert moment_of(second).timestamp() == second


@given(st.integers() | st.floats(allow_nan=False))
def test_a_second_that_no_date_can_say_is_the_nearest_that_one_can(second: float) -> None:
    first, last = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert first <= moment_of(second) <= last
    assert first <= read(written_unix(second)) <= last
