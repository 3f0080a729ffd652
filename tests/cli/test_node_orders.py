"""`mythos node run`, `import` and `status` with an order to accept a memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.row import from_wire
from mythos.engines.memory.checkpoint import log_origin
from mythos.values.accept_order import AcceptOrder
from mythos.values.memory import Offender
from mythos.values.witness import VIEW_TYPE
from tests.cli.control_plane import mythos
from tests.e2e.ring import wait_for
from tests.node.household import NODE, now
from tests.node.ordered_desk import payload_of
from tests.node.test_sidecar import Home, worker_bundle

KEY = "\x1b[2Jplanted.md"


@contextmanager
def running(home: Path, *options: str) -> Iterator[None]:
    words = ["node", "run", "--home", str(home), "--port", "0", *options]
    with subprocess.Popen(
        [sys.executable, "-m", "mythos", *words], stderr=subprocess.DEVNULL
    ) as run:
        try:
            yield
        finally:
            run.terminate()


def _offender(home: Home) -> Offender | None:
    """What the newest envelope says of the planted memory, if it tells of one."""
    rows = [row for told in home.envelopes()[-1:] for row in told.rows if row.kind == "memory"]
    bodies = [from_wire(row).body for row in rows]
    told = [one for body in bodies if isinstance(body, MemoryBody) for one in body.offenders]
    return told[0] if told else None


@pytest.mark.parametrize(
    ("options", "state", "said"),
    [
        ([], "accepted", "entry 1"),
        (["--no-accept-orders"], "refused", "why this host takes no orders to accept; run on it:"),
    ],
)
def test_an_imported_order_is_carried_out_unless_the_owner_forbids_it(
    tmp_path: Path, options: list[str], state: str, said: str
) -> None:
    home = Home(tmp_path, worker_bundle())
    root, memory = home.house.home.root, home.house.home.memory("worker")
    with running(root, *options):
        wait_for((memory / "a.md").exists, "the sidecar has seeded the memory")
        (memory / KEY).write_bytes(b"pasted")
        wait_for(partial(_offender, home), "an envelope tells of the planted memory")
        offender = _offender(home)
        assert offender is not None
        order = AcceptOrder(
            id="0" * 32, origin=log_origin(NODE, "worker"), key=KEY, kind="unlogged", seq=None,
            found=offender.found, by="ada", why="pasted", ts=int(now().timestamp() * 1000),
        )  # fmt: skip
        view = tmp_path / "view"
        view.write_bytes(home.house.site.deployments.signed(payload_of(order), VIEW_TYPE))
        assert mythos("node", "import", view, "--home", root, "--json").json["orders"] == 1

        def answered() -> bool:
            told = mythos("node", "status", "--home", root, "--json").json["orders"]
            return [one["state"] for one in told] == [state]

        wait_for(answered, "the order is answered")
    (line,) = (
        line
        for line in mythos("node", "status", "--home", root).out.splitlines()
        if line.startswith("orders")
    )
    assert f"by ada, state {state}, {said}" in line
    assert "planted.md" not in line
