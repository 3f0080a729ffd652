"""The benchmark of the decision point asks what a node answers."""

from __future__ import annotations

from pathlib import Path

from bench import _gate


def test_every_action_is_allowed_however_many_came_before(tmp_path: Path) -> None:
    desk = _gate.Desk(tmp_path, 30)
    assert all(desk.action() for _ in range(20))
