"""A control plane that is killed in the middle of a stream counts each envelope exactly once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from mythos.errors import UnavailableError
from tests.e2e.plane import Plane, Speaker
from tests.e2e.ring import wait_for

ENVELOPES = 240
KILLED_AFTER = (60, 150)


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    made = Plane(tmp_path)
    yield made
    made.kill()


def _reached(acknowledged: list[int], number: int) -> bool:
    return len(acknowledged) >= number


def test_every_acknowledged_envelope_is_counted_once_over_two_kills(
    plane: Plane, tmp_path: Path
) -> None:
    codes = plane.codes(["lab-1"])
    plane.serve()
    speaker = Speaker.enrolled(tmp_path, server=plane.url, node="lab-1", code=codes["lab-1"])
    acknowledged: list[int] = []
    broken = 0

    def stream() -> None:
        nonlocal broken
        for _ in range(ENVELOPES):
            envelope = speaker.seal(3)
            while True:
                try:
                    speaker.client.send_evidence(envelope.body)
                except UnavailableError:
                    broken += 1
                    time.sleep(0.05)
                    continue
                break
            acknowledged.append(envelope.counter)
            speaker.store.mark_sent(envelope.counter)

    sender = threading.Thread(target=stream)
    sender.start()
    for after in KILLED_AFTER:
        wait_for(partial(_reached, acknowledged, after), f"{after} envelopes are acknowledged")
        plane.kill()
        known = list(acknowledged)
        rows = plane.table("SELECT counter FROM resilience_envelopereceipt")
        kept = {counter for (counter,) in rows}
        assert set(known) <= kept, "an acknowledged envelope was lost"
        plane.serve()
    sender.join(30)
    assert not sender.is_alive()
    speaker.close()
    receipts = plane.table("SELECT counter, count(*) FROM resilience_envelopereceipt GROUP BY 1")
    assert receipts == [(counter, 1) for counter in range(1, ENVELOPES + 1)]
    assert acknowledged == list(range(1, ENVELOPES + 1))
    assert plane.counted() == {"lab-1": 3 * ENVELOPES}
    assert broken > 0, "no kill was felt"
    assert "database is locked" not in plane.log()
