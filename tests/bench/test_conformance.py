"""What the conformance benchmark times is what it says it times."""

from __future__ import annotations

import pytest

from bench import _workflows
from mythos.engines.conformance import compile_blueprint


@pytest.mark.parametrize("size", [50, 300])
def test_a_run_of_the_loop_fits_until_a_share_of_it_is_wrong(size: int) -> None:
    right, wrong = (_workflows.run_of(size, share) for share in (0.0, 0.2))
    costs = compile_blueprint(_workflows.LOOP).costs([right, wrong])
    assert costs[0] == 0 < costs[1]
    assert size <= len(right) <= size + 8


def test_both_routes_are_really_two() -> None:
    one, other = compile_blueprint(_workflows.LOOP), _workflows.on_the_tree(_workflows.LOOP)
    assert type(one._route) is not type(other._route)
    trace = _workflows.run_of(30, 0.2)
    assert one.costs([trace]) == other.costs([trace])


def test_an_algorithm_that_was_wrong_once_is_not_right() -> None:
    log = _workflows.Log("", _workflows.LOOP, 2, [["plan"], ["search"]], [1, 1])
    assert log.begins([1])
    assert not log.begins([1, 2])
