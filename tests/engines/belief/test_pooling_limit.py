"""Peers lend a bad name only up to a limit."""

from __future__ import annotations

import pytest

from mythos.engines.belief import Memory, Pool

LABELS = {"north": {"tier": "test"}, "south": {"tier": "test"}}


def memory(kept: int, broken: int) -> Memory:
    return Memory(float(kept), float(broken), float(kept + broken), kept, broken)


def test_given_a_peer_that_always_fails_then_it_lends_no_more_than_an_average_prior() -> None:
    prior = Pool.of(LABELS, {"south": memory(0, 20)}).prior("north")
    assert prior.b == pytest.approx(1.6)
    assert prior.a / (prior.a + prior.b) < 0.15


def test_given_a_peer_that_never_fails_then_its_good_name_is_lent_whole() -> None:
    prior = Pool.of(LABELS, {"south": memory(20, 0)}).prior("north")
    assert prior.a + prior.b == pytest.approx(8 * 25 / 33)
