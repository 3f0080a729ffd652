"""History beyond one run as JSON, for a host that must know it again after a restart.

    {"<identity of the fact>": {"seen": [[key, id, at, settled, n, amount, value], …],
                                "doubted": …, "resets": …, "reset_doubted": …,
                                "blurred": [ns, ns]}}

Reading adds to what is known, so lines may be read in any order and more than once. A fact that
nobody declares any more is left aside. An amount outside the bounds that its tool declares by now
is a doubt, as it would be in a call of today. Keys are spelt as they are spelt by now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mythos.engines.policy.facts.history import History
from mythos.engines.policy.facts.log import FactLog
from mythos.engines.policy.facts.reading import is_within
from mythos.engines.policy.facts.timeline import Entry
from mythos.values.event import Json

_TABLES: Final = ("seen", "doubted", "resets", "reset_doubted")


def written(history: History) -> dict[str, Json]:
    """The facts of a history that reach beyond its run; empty if there is nothing to keep."""
    return {
        identity: _of_log(log)
        for identity, log in history.logs().items()
        if log.plan.scope == "agent" and not log.empty
    }


def read_into(history: History, facts: Mapping[str, Any]) -> None:
    """Add what `written` wrote to a history that keeps the same facts."""
    for identity, found in facts.items():
        log = history.logs().get(identity)
        if log is None:
            continue
        for name, table in zip(_TABLES, log.tables(), strict=True):
            for key, event, *kept in found[name]:
                entry = Entry(*kept)
                if table is log.seen and not is_within(log.plan, entry):
                    log.put(log.doubted, log.respelt(key), event, entry._replace(value=None))
                else:
                    log.put(table, log.respelt(key), event, entry)
        blurred, reset_blurred = found["blurred"]
        log.blur(blurred, resets=False)
        log.blur(reset_blurred, resets=True)


def _of_log(log: FactLog) -> dict[str, Json]:
    tables: dict[str, Json] = {
        name: [
            [list(key), event, *entry]
            for key, line in table.items()
            for event, entry in line.entries().items()
        ]
        for name, table in zip(_TABLES, log.tables(), strict=True)
    }
    return {**tables, "blurred": [log.blurred_ns, log.reset_blurred_ns]}
