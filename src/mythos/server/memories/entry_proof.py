"""Proof files of a log's entries, made from what the control plane keeps of it."""

from __future__ import annotations

from mythos.engines.memory.memory_proof import Disclosure, prove_entry
from mythos.engines.memory.tail import tree_of
from mythos.errors import NotFoundError
from mythos.server.memories import page_queries as queries
from mythos.server.memories.pages.witnessing import file_name


def proof_of(node_id: str, origin: str, seq: int) -> tuple[str, str]:
    """The proof of one entry under the newest witnessed checkpoint: a file's name and its text.

    It discloses the key where its name is known here, and never a salt.

    Raises:
        NotFoundError: no such log, the entry is not among those kept here, or they are not the end
            of the log as it was witnessed.
    """
    log = queries.log(node_id, origin)
    kept = queries.kept(log)
    remedy = f"make it on the host: `mythos memory prove STORE KEY --seq {seq} --out FILE`"
    if kept is None or not kept.tail.start <= seq < kept.tail.size:
        here = f"{kept.tail.start:,} up to {kept.tail.size:,}" if kept else "none"
        raise NotFoundError(
            f"entry {seq} of {origin[:150]!r} is not kept here; entries that are: {here}",
            remedy=remedy,
        )
    if problem := kept.problem:
        raise NotFoundError(f"entry {seq} cannot be proved here: {problem}", remedy=remedy)
    tail = kept.tail
    entry = tail.entries[seq - tail.start]
    text = prove_entry(
        Disclosure(entry=entry, key=tail.names.get(entry.key_hash, "")),
        index=seq,
        hashes=tuple(tree_of(tail).inclusion_proof(seq)),
        checkpoint=kept.witnessed.newest,
    )
    return file_name(log, f"{seq}.tlog-proof"), text
