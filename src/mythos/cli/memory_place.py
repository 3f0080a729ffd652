"""The store and the log that a `memory` command is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mythos.errors import NotFoundError

if TYPE_CHECKING:
    from mythos.adapters.memory_log import LogPlace
    from mythos.adapters.memory_log_pending import PendingChange
    from mythos.adapters.memory_store import MemoryStore

Command = TypeVar("Command", bound=Callable[..., Any])

SHOWN = 20
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
NEW_FILE = click.Path(path_type=Path, dir_okay=False)


@dataclass(frozen=True, slots=True)
class Place:
    """A store, where its log lies, and what it is called where nobody gave it a name."""

    store: MemoryStore
    log: LogPlace
    label: str


class CarriedOut:
    """The changes that were logged before and that a command had to carry out; some are shown."""

    def __init__(self) -> None:
        """None yet."""
        self._changes: list[dict[str, Any]] = []

    def note(self, change: PendingChange) -> None:
        """Take one down."""
        self._changes.append({"seq": change.entry.seq, "op": change.entry.op, "key": change.key})

    @property
    def json(self) -> list[dict[str, Any]]:
        """All of them."""
        return self._changes

    def tell(self) -> None:
        """Print them for people, in one line each."""
        from mythos.cli.source_lines import plain

        for each in self._changes[:SHOWN]:
            click.echo(
                f"carried out  {each['op']} {plain(each['key'])}: entry {each['seq']} was logged,"
                " and not yet in the store"
            )
        if len(self._changes) > SHOWN:
            click.echo(f"carried out  and {len(self._changes) - SHOWN} more (--json lists all)")


def place_options(command: Command) -> Command:
    """The argument STORE and the option `--log`."""
    log = click.option("--log", help="The log. Else it lies beside the store: STORE.log.sqlite3.")
    return click.argument("store", metavar="STORE")(log(command))


def opened(store: str, log: str | None, *, there: bool = False) -> Place:
    """What the options name.

    Args:
        store, log: as written.
        there: refuse a store that is not there; else it may come to be later.

    Raises:
        UsageError: STORE is no store, or its log would lie in it.
        NotFoundError: it is not there.
    """
    from mythos.adapters.memory_store_uri import parse_log, parse_store

    uri = parse_store(store)
    if there:
        uri.require_there()
    place = parse_log(log) if log else uri.log
    uri.require_outside(place)
    return Place(uri.open(), place, uri.label)


def opened_or_gone(store: str, log: str | None) -> Place:
    """What the options name, to be audited: a table that its log knows may be gone.

    Raises:
        UsageError: as `opened`.
        NotFoundError: a table that is not there, and no log knows it.
    """
    from mythos.adapters.memory_log import open_to_read
    from mythos.adapters.memory_store_table import GoneTable
    from mythos.adapters.memory_store_uri import parse_log, parse_store

    try:
        return opened(store, log)
    except NotFoundError as absent:
        uri = parse_store(store)
        gone, place = GoneTable(uri.table), parse_log(log) if log else uri.log
        try:
            with open_to_read(place) as found:
                known = found.knows(gone.name)
        except NotFoundError:
            known = False
        if not known:
            raise absent from None
        return Place(gone, place, uri.label)


def require_known(place: Place, key: str) -> None:
    """Refuse a key that neither the store nor the log knows.

    Raises:
        NotFoundError: it is such a key, or there is no log.
        MemoryLogError: the store can have no such key.
    """
    from mythos.adapters.memory_log import open_to_read
    from mythos.engines.memory.entry import key_hashes

    place.store.require_key(key)
    with open_to_read(place.log) as log:
        logged = log.newest(key_hashes(place.store.name, [key])[0]) is not None
    if not logged and place.store.get(key) is None:
        raise NotFoundError(
            f"neither the store nor its log knows {key[:80]!r}",
            remedy="take the key as `mythos memory audit` or `mythos memory trace` prints it",
        )


def n_entries(n: int) -> str:
    """A number of entries, in words."""
    return "1 entry" if n == 1 else f"{n} entries"


def hex_digits(
    ctx: click.Context, option: click.Parameter, text: str | None, *, n: int
) -> str | None:
    """Take an option's `n` hexadecimal digits in small letters."""
    if text and (len(text) != n or set(text.lower()) - set("0123456789abcdef")):
        raise click.BadParameter(f"give {n} hexadecimal digits", ctx, option)
    return text and text.lower()
