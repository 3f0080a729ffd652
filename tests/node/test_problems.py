"""Problems of a node: told once, over when it succeeds, and never the end of the rest."""

from __future__ import annotations

import logging

import pytest

from mythos.errors import UnavailableError
from mythos.node.problems import Problems


def _locked() -> None:
    raise UnavailableError("the log is locked", remedy="wait")


def _gone() -> None:
    raise FileNotFoundError(2, "No such file or directory", "spool")


def _broken() -> None:
    msg = "no digits"
    raise ValueError(msg)


def test_every_kind_of_failure_is_told_until_it_is_over() -> None:
    problems = Problems()
    for name, step in (("a", _locked), ("b", _gone), ("c", _broken)):
        problems.attempt(name, step)
    assert problems.line == (
        "the log is locked (wait); spool: No such file or directory; "
        "c failed by a fault of this program: ValueError('no digits') (report it)"
    )
    for name in ("a", "b", "c"):
        problems.attempt(name, lambda: None)
    assert problems.line == ""


def test_a_fault_is_logged_once_with_where_it_happened(caplog: pytest.LogCaptureFixture) -> None:
    problems = Problems()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            problems.attempt("judging", _broken)
    assert [bool(record.exc_info) for record in caplog.records] == [True, False]
    assert "_broken" in caplog.text


def test_the_same_problem_of_two_things_is_said_once() -> None:
    problems = Problems()
    problems.attempt("sending", _locked)
    problems.attempt("pulling", _locked)
    assert problems.line == "the log is locked (wait)"
    problems.forget()
    assert problems.line == ""


def test_what_no_status_can_hold_is_replaced() -> None:
    problems = Problems()
    problems.note("log", "memory log \udcff.sqlite3 is gone")
    assert problems.line == "memory log ?.sqlite3 is gone"
