"""What can be done with a log on its host, as commands to run there.

The control plane holds no memory, and all it can ask of a host is to accept a key (`orders`), so it
names the commands. Keys come from evidence and may hold anything: a key that a terminal would not
show as it is, or whose name is not known, gets no command.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.memory.offending import found_in_words, logged_at
from mythos.server.memories.pages.facts import HostFact
from mythos.server.memories.pages.orders import NO_ORDERS, Acceptance, KeyOrders, OrderShown
from mythos.values.memory import BadClass, Offender

HOME = "mythos-node"
"""The state folder of a sidecar that was not told another."""
WHO, WHY = "WHO", "WHY"
_HASH = "sha256:"


@dataclass(frozen=True, slots=True)
class LogSays:
    """The log's last word on a key beside what was found, each in words; `logged` is a hash.

    `seq`, `op`, `source` and `at` are None where the log has no entry of the key.
    """

    seq: int | None
    op: str | None
    source: str | None
    at: datetime | None
    trace_id: str
    policy_ref: str
    logged: str | None
    found: str


@dataclass(frozen=True, slots=True)
class KeyShown:
    """A key that an audit found wrong; a command is empty where none can be named.

    `log_says` is None where the host did not tell; `key_hash` is empty where none of the entries
    here is about the key. `order` is one about the key as it is now, `accepting` how it can be
    accepted from here; None where there is nothing to say.
    """

    name: str
    kind: BadClass
    prove: str
    accept: str
    log_says: LogSays | None
    key_hash: str = ""
    order: OrderShown | None = None
    accepting: Acceptance | None = None


@dataclass(frozen=True, slots=True)
class OnTheHost:
    """Commands about a whole log."""

    audit: str
    trace: str
    prove: str
    verify: str
    accept: str


def commands_of(agent: str, *, by: str, vkey: str) -> OnTheHost:
    """The commands about the log of an agent; `by` is who would accept, `vkey` may be unknown."""
    store = store_of(agent)
    return OnTheHost(
        audit=f"mythos memory audit {store}",
        trace=f"mythos memory trace {store}",
        prove=f"mythos memory prove {store} KEY --out memory.tlog-proof",
        verify=command("mythos memory verify memory.tlog-proof --vkey", vkey),
        accept=f"mythos memory accept {store} --by {_by(by)} --why {WHY} -- KEY",
    )


def command(start: str, argument: str, end: str = "") -> str:
    """A command with an argument from elsewhere; empty where a terminal would not show that."""
    if not argument or not argument.isprintable():
        return ""
    return f"{start} {shlex.quote(argument)} {end}".rstrip()


def keys_of(
    body: MemoryBody | None, agent: str, *, by: str, orders: Mapping[str, KeyOrders]
) -> tuple[KeyShown, ...]:
    """The keys that evidence names, altered ones first, with what is to say of orders."""
    if body is None:
        return ()
    store, who = store_of(agent), _by(by)
    says = {each.key: _says(each) for each in body.offenders}
    found = sorted(body.keys.items(), key=lambda pair: (pair[1], pair[0]))
    return tuple(
        _shown(key, kind, says.get(key), orders.get(key, NO_ORDERS), store=store, by=who)
        for key, kind in found
    )


def carried_to(host: HostFact) -> tuple[str, ...]:
    """The commands that carry a file to a host without a network; none where it has one."""
    if host.presence.report_every_s is None:
        return ()
    file = f"{host.node_id}.witness"
    return (
        f"mythos witness export --node {host.node_id} --out {file}",
        f"mythos node import {file}",
    )


def store_of(agent: str) -> str:
    """Where the memory of an agent lies on its host, as an argument of a shell."""
    return shlex.quote(f"dir:{HOME}/memory/{quote(agent, safe=' ')}")


def _says(offender: Offender) -> LogSays:
    return LogSays(
        seq=offender.seq,
        op=offender.op,
        source=offender.source,
        at=logged_at(offender),
        trace_id=offender.trace_id,
        policy_ref=offender.policy_ref,
        logged=offender.logged,
        found=found_in_words(offender),
    )


def _shown(
    name: str, kind: BadClass, says: LogSays | None, orders: KeyOrders, *, store: str, by: str
) -> KeyShown:
    plain = name.isprintable() and not name.startswith(_HASH)
    key = shlex.quote(name)
    prove = f"mythos memory prove {store} --out memory.tlog-proof -- {key}"
    accept = f"mythos memory accept {store} --by {by} --why {WHY} -- {key}"
    return KeyShown(
        name,
        kind,
        prove=prove if plain and kind != "unlogged" else "",
        accept=accept if plain else "",
        log_says=says,
        order=orders.order,
        accepting=orders.accepting,
    )


def _by(by: str) -> str:
    return shlex.quote(by) if by.isprintable() else WHO
