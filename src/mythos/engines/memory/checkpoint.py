"""Checkpoints: what a log claims to be, as the text of a signed note.

Three lines: origin, size in decimal, root in base64. Extension lines of other logs are allowed and
not kept. Whoever remembers a checkpoint can later tell an extended log from a rewritten one; that
memory, outside the node, is what makes rewriting of history visible.

Source: https://c2sp.org/tlog-checkpoint
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import quote, unquote

from pydantic import ValidationError

from mythos.engines.memory.tree import HASH_BYTES, HashTree
from mythos.errors import MemoryLogError
from mythos.values.memory import Checkpoint

MAX_ORIGIN_CHARS = 300
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_MIN_LINES = 3


def log_origin(node: str, agent: str) -> str:
    """Name the log of one agent on one node: `mythos/<node>/<agent>`.

    Other characters than letters, digits and `_.-~` are percent-encoded, so two pairs never share
    an origin and the origin can be the name of a note key (no space, no plus sign).
    """
    origin = f"mythos/{quote(node, safe='')}/{quote(agent, safe='')}"
    if not node or not agent or len(origin) > MAX_ORIGIN_CHARS:
        raise MemoryLogError(
            f"log origin {origin[:80]!r} lacks a name or is over {MAX_ORIGIN_CHARS} characters",
            remedy="give the node and the agent shorter names of plain letters",
        )
    return origin


def names_log_of(node: str, origin: str) -> bool:
    """Whether `log_origin` gives this name to the log of some agent of a node.

    Agents called `.` and `..` have none: a browser would take their names for folders.
    """
    own = log_origin(node, "x").removesuffix("x")
    if not origin.isascii() or not origin.startswith(own):
        return False
    agent = unquote(origin.removeprefix(own))
    return agent not in {"", ".", ".."} and origin == own + quote(agent, safe="")


def root_text(root: bytes) -> str:
    """Return a root as values carry it, `sha256:` and hex digits."""
    return f"sha256:{root.hex()}"


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """Return the text to sign: three lines, each ending in a newline.

    Raises:
        MemoryLogError: an empty or many-line origin, a negative size, or a root not of 32 bytes.
    """
    if not origin or "\n" in origin or size < 0 or len(root) != HASH_BYTES:
        raise _malformed(f"origin {origin[:80]!r}, size {size}, root of {len(root)} bytes")
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint note (see `note.verify_note` for its signature).

    Raises:
        MemoryLogError: not a checkpoint.
    """
    lines = text.split("\n")
    if len(lines) <= _MIN_LINES or lines.pop() != "" or "" in lines:
        raise _malformed("expected three lines or more, none empty, each ending in a newline")
    origin, size, root = lines[:_MIN_LINES]
    if not _DECIMAL.fullmatch(size):
        raise _malformed(f"size {size[:30]!r} is not a decimal number")
    try:
        return Checkpoint(origin=origin, size=int(size), root=root_text(_decode_root(root)))
    except ValidationError as error:
        raise _malformed(str(error.errors()[0]["msg"])) from error


def require_extends(log: HashTree, known: Checkpoint, *, origin: str) -> None:
    """Check that `log` still is what it was when `known` was made, with more behind it or not.

    Raises:
        MemoryLogError: another origin, a log shorter than `known`, or another root at its size.
    """
    if known.size > log.size:
        raise shorter(log.size, known)
    require_root(log.root(known.size), known, origin=origin)


def require_root(root: bytes, known: Checkpoint, *, origin: str) -> None:
    """Check what a log's root is at the size of a checkpoint of it.

    Raises:
        MemoryLogError: another origin, or another root.
    """
    if known.origin != origin:
        raise _rewritten(f"checkpoint of {known.origin!r} in the log {origin!r}")
    if (found := root_text(root)) != known.root:
        raise _rewritten(
            f"root at size {known.size} is {found}, a checkpoint remembers {known.root}"
        )


def shorter(size: int, known: Checkpoint) -> MemoryLogError:
    """Say that a log lost entries since a checkpoint."""
    return _rewritten(f"log of {size} entries, a checkpoint remembers {known.size}")


def _decode_root(encoded: str) -> bytes:
    try:
        root = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed("root is not base64") from error
    if len(root) != HASH_BYTES:
        raise _malformed(f"root of {len(root)} bytes, expected {HASH_BYTES}")
    return root


def _malformed(message: str) -> MemoryLogError:
    return MemoryLogError(
        f"checkpoint: {message}",
        remedy="fetch the checkpoint again from the log that made it",
    )


def _rewritten(message: str) -> MemoryLogError:
    return MemoryLogError(
        message,
        remedy="stop the agent, keep both copies, and restore log and store from before the change",
    )
