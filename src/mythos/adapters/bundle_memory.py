"""Logs of the memories that a bundle ships: taken from a source tree, checked on arrival.

In a source tree the log of an agent's memory lies beside it, as on a node: `memory/AGENT/` and
`memory/AGENT.log.sqlite3`. It is read from a copy, since opening a database writes beside it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from pydantic import ValidationError

from mythos.adapters.memory_log import MemoryLog, open_log
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.engines.bundle.manifest import Manifest, parse_config
from mythos.engines.bundle.report import Check, failed, passed, skipped
from mythos.engines.bundle.verify import Read
from mythos.engines.memory.checkpoint import parse_checkpoint
from mythos.engines.memory.entry import key_hash
from mythos.engines.memory.note import parse_note
from mythos.engines.memory.shipped import check_shipped
from mythos.errors import MemoryLogError, NotFoundError
from mythos.values.bundle import Construct
from mythos.values.memory import MemoryEntry, ShippedLog

CHECK = "memory logs"
MAX_ENTRIES = 10_000
_STORE = DirectoryStore(Path()).name


def log_path(agent: str) -> str:
    """Where the log of an agent's memory lies in a source tree."""
    return f"memory/{quote(agent, safe=' ')}.log.sqlite3"


def shipped_log(path: Path, files: Mapping[str, bytes]) -> ShippedLog:
    """Take a log and the salts of `files` out of it, and check that they belong together.

    Raises:
        MemoryLogError: no checkpoint covers the whole log, it is too long to travel, or the files
            are not what it says, or there is no log in the file.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        for suffix in ("", "-wal"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                shutil.copyfile(part, copy.with_name(copy.name + suffix))
        try:
            with open_log(copy) as log:
                shipped = _taken(log, files)
        except (MemoryLogError, NotFoundError) as error:
            if str(copy) not in error.message:
                raise
            raise MemoryLogError(
                error.message.replace(str(copy), f"memory/{path.name}"),
                remedy="take the log from the node again, its `-wal` file too if it has one",
            ) from error
    check_shipped(shipped, files)
    return shipped


def check_memory_logs(constructs: Iterable[Construct], read: Callable[[Construct], bytes]) -> None:
    """Check each agent's shipped memory against the log that came with it, if one did.

    Args:
        constructs: of one bundle.
        read: a construct's bytes.

    Raises:
        MemoryLogError: a log is malformed, or a memory is not what it says.
    """
    listed = list(constructs)
    for log in listed:
        if log.kind == "memory_log":
            _check_log(log, listed, read)


def memory_logs_check(manifest: Manifest, read: Read, *, intact: bool) -> Check:
    """The check `memory logs`: each memory of an intact bundle against the log that came with it.

    Args:
        manifest: the bundle's.
        read: a blob's bytes by digest; asked for the config, the logs and the memories they are of.
        intact: whether every blob was found to be what the manifest says.

    Returns:
        It fails naming each agent whose memory is not what its log says, and why.
    """
    if not intact:
        return skipped(CHECK, "the bundle is not intact")
    constructs = parse_config(read(manifest.config.digest)).constructs
    logs = [one for one in constructs if one.kind == "memory_log"]
    wrong = []
    for log in logs:
        try:
            _check_log(log, constructs, lambda one: read(one.digest))
        except MemoryLogError as error:
            wrong.append(f"{log.name}: {error.message}")
    if wrong:
        return failed(CHECK, "; ".join(wrong))
    agents = ", ".join(log.name for log in logs)
    return passed(CHECK, f"the memory of {agents} is what its log says" if logs else "none came")


def _check_log(
    log: Construct, constructs: Iterable[Construct], read: Callable[[Construct], bytes]
) -> None:
    """Check the memory of one agent against its log.

    Raises:
        MemoryLogError: the log is malformed, or a memory is not what it says.
    """
    try:
        shipped = ShippedLog.model_validate_json(read(log))
    except ValidationError as error:
        raise MemoryLogError(
            f"memory log of {log.name}: {error.errors()[0]['msg']}",
            remedy="build the bundle again with this version of MythOS",
        ) from None
    home = f"{log.name}/"
    files = {
        one.name.removeprefix(home): read(one)
        for one in constructs
        if one.kind == "memory" and one.name.startswith(home)
    }
    check_shipped(shipped, files)


def _taken(log: MemoryLog, files: Mapping[str, bytes]) -> ShippedLog:
    notes = log.notes()
    size = log.size
    if not notes or parse_checkpoint(parse_note(notes[-1]).text).size != size:
        raise MemoryLogError(
            f"no signed checkpoint covers all {size} entries of the log",
            remedy="sign one first, with `mythos memory checkpoint`, or let the node beat",
        )
    if size > MAX_ENTRIES:
        raise MemoryLogError(
            f"a log of {size} entries is too long to travel, at most {MAX_ENTRIES}",
            remedy="leave the log out of the tree: the memories begin anew where they arrive",
        )
    entries = tuple(log.entries())
    salts = {key: _salt(log, entries, key) for key in files}
    return ShippedLog(
        store=_STORE,
        note=notes[-1],
        entries=entries,
        salts={key: salt for key, salt in salts.items() if salt},
    )


def _salt(log: MemoryLog, entries: Iterable[MemoryEntry], key: str) -> str:
    hashed = key_hash(_STORE, key)
    seqs = [entry.seq for entry in entries if entry.key_hash == hashed]
    kept = log.kept(seqs[-1]) if seqs else None
    return kept.salt.hex() if kept is not None else ""
