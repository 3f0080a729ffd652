"""A prior that an environment's own runs contradict counts a tenth."""

from __future__ import annotations

import pytest

from mythos.engines.belief import Prior

PESSIMIST = Prior(a=0.2, b=5.8, peer_runs=20)


def test_given_a_failing_peer_and_many_clean_runs_then_the_prior_counts_a_tenth() -> None:
    tempered = PESSIMIST.tempered(n_kept=20, n_broken=0)
    assert (tempered.a, tempered.b) == pytest.approx((0.02, 0.58))


def test_given_runs_like_the_peers_then_the_prior_stands() -> None:
    assert PESSIMIST.tempered(n_kept=1, n_broken=20) == PESSIMIST


def test_given_fewer_than_four_runs_then_the_prior_stands() -> None:
    assert PESSIMIST.tempered(n_kept=3, n_broken=0) == PESSIMIST


def test_given_a_good_name_and_many_broken_runs_then_the_prior_counts_a_tenth() -> None:
    optimist = Prior(a=7.5, b=0.5, peer_runs=20)
    assert optimist.tempered(n_kept=0, n_broken=10).a == pytest.approx(0.75)
