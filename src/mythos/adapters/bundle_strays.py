"""Files in the folder `memory/` of a source tree that no agent asks for.

What would be left out in silence is refused: a memory that no agent names, a log that belongs to no
agent with memory. Names that begin with a dot are skipped; links to folders are not followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from mythos.adapters.bundle_memory import log_path
from mythos.errors import BundleSourceError
from mythos.values.agent import Agent
from mythos.values.bundle import CONSTRUCT_FOLDERS

_LOG = ".log.sqlite3"
_BESIDE = ("-wal", "-shm")  # what SQLite keeps beside an open log


def stray_memories(folder: Path, agents: Iterable[Agent]) -> Iterator[BundleSourceError]:
    """Each file under `memory/` that is no named memory and no log of an agent with memory.

    Args:
        folder: the source tree.
        agents: all of the tree.
    """
    named: set[str] = set()
    logs: list[str] = []
    for agent in agents:
        if agent.memory is not None:
            named.update(agent.memory.files)
            logs.append(log_path(agent.name))
    beside = {f"{log}{end}" for log in logs if (folder / log).exists() for end in _BESIDE}
    for path in _files(folder / CONSTRUCT_FOLDERS["memory"]):
        name = path.relative_to(folder).as_posix()
        if name in named or name in logs or name in beside:
            continue
        if path.is_dir() and any(each.startswith(f"{name}/") for each in named):
            continue
        yield _stray(name, logs)


def _files(folder: Path) -> Iterator[Path]:
    """Everything visible in a folder and below that is no folder itself."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        else:
            yield path


def _stray(name: str, logs: list[str]) -> BundleSourceError:
    file = name.rpartition("/")[2]
    if file.endswith(_LOG):
        meant = [log for log in logs if log.rpartition("/")[2].lower() == file.lower()]
        why = "the log belongs to no agent with memory"
        remedy = f"move it to {meant[0] if meant else log_path('AGENT')}, or remove it"
    elif f"{_LOG}-" in file:
        why = "this is no part of the log of an agent with memory"
        remedy = "take log and `-wal` file from the node again, or remove it"
    else:
        why = "no agent names this file"
        remedy = "name it in the `memory.files` of its agent, or remove it"
    return BundleSourceError(why, remedy=remedy, where=name)
