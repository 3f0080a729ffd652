"""What only the host can do with a log, as commands to run there.

The control plane holds no memory and has no way to command a host, so it names the commands. Keys
come from evidence and may hold anything: a key that a terminal would not show as it is, or whose
name is not known, gets no command.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from mythos.engines.evidence.memory import BadClass, MemoryBody

HOME = "mythos-node"
"""The state folder of a sidecar that was not told another."""
WHO, WHY = "WHO", "WHY"
_HASH = "sha256:"


@dataclass(frozen=True, slots=True)
class KeyShown:
    """A key that an audit found wrong; a command is empty where none can be named."""

    name: str
    kind: BadClass
    prove: str
    accept: str


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


def keys_of(body: MemoryBody | None, agent: str, *, by: str) -> tuple[KeyShown, ...]:
    """The keys that evidence names, altered ones first."""
    found = sorted(body.keys.items(), key=lambda pair: (pair[1], pair[0])) if body else ()
    return tuple(_shown(found, store_of(agent), by=_by(by)))


def store_of(agent: str) -> str:
    """Where the memory of an agent lies on its host, as an argument of a shell."""
    return shlex.quote(f"dir:{HOME}/memory/{quote(agent, safe=' ')}")


def _shown(keys: Iterable[tuple[str, BadClass]], store: str, *, by: str) -> Iterable[KeyShown]:
    for name, kind in keys:
        plain = name.isprintable() and not name.startswith(_HASH)
        key = shlex.quote(name)
        prove = f"mythos memory prove {store} --out memory.tlog-proof -- {key}"
        accept = f"mythos memory accept {store} --by {by} --why {WHY} -- {key}"
        logged = kind != "unlogged"
        yield KeyShown(name, kind, prove if plain and logged else "", accept if plain else "")


def _by(by: str) -> str:
    return shlex.quote(by) if by.isprintable() else WHO
