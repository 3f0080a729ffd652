"""Reports by file: what an air-gapped node has to say, as lines of signed envelopes.

Each line is one DSSE envelope, so a report can be cut, joined, repeated or reordered and still
counts once. The node keeps what it exported; the control plane says what it has counted.
"""

from __future__ import annotations

from pathlib import Path

from mythos.adapters.atomic_file import write_atomically
from mythos.errors import NotFoundError
from mythos.node.store import NodeStore


def export_report(store: NodeStore, file: Path, *, everything: bool = False) -> int:
    """Write the envelopes not yet exported (or all that are kept); says how many.

    Raises:
        NotFoundError: there is nothing to tell.
    """
    envelopes = store.unexported(everything=everything)
    if not envelopes:
        raise NotFoundError(
            "every envelope has been exported already",
            remedy="wait for the next beat, or export all that is kept with --all",
        )
    write_atomically(file, b"".join(one.body + b"\n" for one in envelopes))
    store.mark_exported(one.counter for one in envelopes)
    return len(envelopes)
