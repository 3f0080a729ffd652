"""Bounds of the integrity score, against scipy's Beta and against chance."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betainc, betaincinv

from mythos.engines.memory.audit import Audit
from mythos.engines.memory.bounds import beta_cdf, beta_quantile, bounds_of
from mythos.engines.memory.entry import MemoryWrite, entry_bytes
from mythos.engines.memory.replay import LoggedRow
from mythos.engines.memory.sample import Sample
from mythos.engines.memory.tree import leaf_hash, leaf_message
from mythos.values.memory import MemoryAudit

AT = datetime(2026, 1, 2, tzinfo=UTC)
shapes = st.floats(0.5, 5_000)


@given(st.floats(1e-6, 1 - 1e-6), shapes, shapes)
def test_the_beta_distribution_is_scipys(x: float, a: float, b: float) -> None:
    assert beta_cdf(x, a, b) == pytest.approx(betainc(a, b, x), abs=1e-9)


@given(st.sampled_from([0.05, 0.5, 0.95]), shapes, shapes)
def test_its_quantiles_are_scipys(p: float, a: float, b: float) -> None:
    assert beta_quantile(p, a, b) == pytest.approx(betaincinv(a, b, p), abs=1e-9)


def test_299_clean_draws_leave_less_than_one_altered_in_a_hundred() -> None:
    audit = MemoryAudit(ok=299, present=1_000_000, root="sha256:" + "0" * 64, audited_at=AT)
    found = bounds_of(audit)
    assert found is not None
    assert 0.99 < found.low < found.mid == found.high == 1.0


def test_a_census_has_no_doubt_and_no_log_no_score() -> None:
    census = MemoryAudit(ok=3, altered=("a",), root="sha256:" + "0" * 64, audited_at=AT)
    found = bounds_of(census)
    assert found is not None
    assert (found.low, found.mid, found.high) == (0.75, 0.75, 0.75)
    assert bounds_of(MemoryAudit(audited_at=AT)) is None


def test_a_sample_looks_at_every_key_and_bounds_what_it_did_not_read() -> None:
    keys = [f"k{n:03}" for n in range(400)]
    writes = [MemoryWrite("d", key, "put", key.encode(), "agent") for key in keys]
    raws = [entry_bytes(w, seq=i, salt=bytes(32), at=AT) for i, w in enumerate(writes)]
    altered = set(random.Random(5).sample(keys, 80))
    inside = 0
    for seed in range(40):
        drawn = Sample(60, seed=bytes([seed]))
        audit = Audit(store="d", origin="o", sample=drawn)
        audit.log(
            [LoggedRow(leaf_message(raw), leaf_hash(raw), bytes(32)) for raw in raws], since=-1
        )
        audit.keys(drawn, [*keys[:390], "planted"])
        audit.draw(drawn, lambda key: b"changed" if key in altered else key.encode())
        result = audit.result(lambda _: {}, at=AT)
        assert (len(result.missing), result.unlogged, result.present) == (10, ("planted",), 390)
        assert result.ok + len(result.altered) == 60
        found = bounds_of(result)
        assert found is not None
        truth = (390 - len(altered & set(keys[:390]))) / 401
        inside += found.low <= truth <= found.high
    assert inside >= 32, "90 % intervals; 32 of 40 or fewer happen once in 70 at exactly 90 %"
