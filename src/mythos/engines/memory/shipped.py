"""A memory that travels in a bundle, with the log it comes from: is it what the log says?

Every entry travels, so that whoever receives it can rebuild the tree under the signed checkpoint
and see that no logged memory is left out and none is older than the log's last word on it. The
entries hold hashes only; salts travel for the memories that travel themselves.
"""

from __future__ import annotations

from collections.abc import Mapping

from mythos.engines.memory.checkpoint import parse_checkpoint, require_extends
from mythos.engines.memory.entry import is_content, key_hash
from mythos.engines.memory.note import parse_note
from mythos.engines.memory.tree import MerkleLog
from mythos.errors import MemoryLogError
from mythos.values.memory import Checkpoint, ShippedLog

_SHOWN = 3


def check_shipped(shipped: ShippedLog, files: Mapping[str, bytes]) -> Checkpoint:
    """Check that `files` are exactly the memories that the log says.

    Whose signature the checkpoint bears is not asked: that takes the key of the node it comes from.

    Args:
        shipped: the log as it travels.
        files: content by key.

    Returns:
        The checkpoint it all stands under.

    Raises:
        MemoryLogError: the entries are not those under the checkpoint, or a memory is altered,
            missing or unlogged.
    """
    said = parse_checkpoint(parse_note(shipped.note).text)
    expected = _expected(shipped, said)
    wrong = []
    for key, content in sorted(files.items()):
        logged = expected.pop(key_hash(shipped.store, key), None)
        if logged is None:
            wrong.append(f"{key} is not in its log")
        elif not is_content(content, logged, salt=bytes.fromhex(shipped.salts.get(key, ""))):
            wrong.append(f"{key} is not what its log says")
    if expected:
        wrong.append(f"{len(expected)} logged memories are not among the files")
    if wrong:
        raise _differs("; ".join(wrong[:_SHOWN]))
    return said


def _expected(shipped: ShippedLog, said: Checkpoint) -> dict[str, str]:
    """Key hash to content hash, by the last word of a log that is what its checkpoint says."""
    tree = MerkleLog()
    expected: dict[str, str] = {}
    for number, entry in enumerate(shipped.entries):
        if entry.seq != number:
            raise _differs(f"entry {number} of its log says it is number {entry.seq}")
        tree.append(entry.canonical())
        if entry.store == shipped.store:
            expected.pop(entry.key_hash, None)
            if entry.content_hash is not None:
                expected[entry.key_hash] = entry.content_hash
    if tree.size != said.size:
        raise _differs(f"{tree.size} entries came, its checkpoint is of {said.size}")
    require_extends(tree, said, origin=said.origin)
    return expected


def _differs(message: str) -> MemoryLogError:
    return MemoryLogError(
        f"shipped memory: {message}",
        remedy="ship memories and log as they lie together on the node, after an audit",
    )
