"""Both sides of the policy benchmark answer the same questions alike."""

from __future__ import annotations

import pytest

from bench import _questions, _temporal


@pytest.mark.parametrize("n_rules", [10, 200])
def test_ours_and_plain_cedar_agree_on_every_question(n_rules: int) -> None:
    desk = _questions.desk(n_rules)
    answers = desk.ours()
    assert answers == desk.bare() == desk.sliced() == desk.unchecked()
    assert set(answers) == {True, False}


def test_one_payment_follows_each_approval() -> None:
    assert _temporal.Desk(30).step(30) == 20


def test_every_call_of_the_long_trace_is_judged() -> None:
    _temporal.judge(_temporal.trace(50), _temporal.engine())
