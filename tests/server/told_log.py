"""A memory log whose node tells its newest entries, as envelopes carry them."""

from __future__ import annotations

from datetime import datetime, timedelta

from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.memory.checkpoint import checkpoint_text
from mythos.engines.memory.entry import MemoryWrite, entry_of, key_hash
from mythos.engines.memory.note import NoteSigner, sign_note
from mythos.engines.memory.tail import tail_of
from mythos.engines.memory.tree import MerkleLog
from mythos.engines.memory.witness import growth_proof
from mythos.server.resilience.commands import accept_envelope
from mythos.values.accept_order import OrderAnswer
from mythos.values.memory import LogTail, MemoryEntry, MemoryOp, MemorySource, Offender
from tests.server.outpost import Outpost

STORE = "memory"
SALT = bytes(32)


class ToldLog:
    """The log of an agent of a node; `hidden` keys are not named."""

    def __init__(self, outpost: Outpost, origin: str, *, at: datetime) -> None:
        self.outpost, self.origin, self.at = outpost, origin, at
        self.entries: list[MemoryEntry] = []
        self.names: dict[str, str] = {}
        self._tree = MerkleLog()
        self._told = 0

    def write(
        self,
        key: str,
        op: MemoryOp = "put",
        source: MemorySource = "agent",
        *,
        run: str = "",
        why: str = "",
        named: bool = True,
    ) -> MemoryEntry:
        """Append one entry."""
        number = len(self.entries)
        content = None if op in {"delete", "expire"} else f"{number}".encode()
        made = entry_of(
            MemoryWrite(STORE, key, op, content, source, trace_id=run, policy_ref=why),
            seq=number,
            salt=SALT,
            at=self.at + timedelta(seconds=number),
        )
        self.entries.append(made)
        self._tree.append(made.canonical())
        if named:
            self.names[made.key_hash] = key
        return made

    def tail(self, n: int = 500) -> LogTail:
        """Its newest entries."""
        return tail_of(self._tree, self.entries[-n:], origin=self.origin, names=self.names)

    def note(self) -> str:
        """Its checkpoint, signed by the node."""
        text = checkpoint_text(self.origin, len(self.entries), self._tree.root())
        return sign_note(text, NoteSigner(self.origin, self.outpost.key.raw))

    def report(
        self,
        n: int = 500,
        *,
        wrong: tuple[Offender, ...] = (),
        answers: tuple[OrderAnswer, ...] = (),
    ) -> None:
        """Tell the checkpoint with the newest `n` entries, an audit of wrong keys, and answers."""
        self._send(tails=(self.tail(n),), wrong=wrong, answers=answers)

    def report_without_entries(self) -> None:
        """Tell the checkpoint alone, as a node that was not updated does."""
        self._send()

    def _send(
        self,
        tails: tuple[LogTail, ...] = (),
        wrong: tuple[Offender, ...] = (),
        answers: tuple[OrderAnswer, ...] = (),
    ) -> None:
        size, old = len(self.entries), self._told
        proof = self._tree.consistency_proof(old, size) if old else ()
        growth = (growth_proof(self.origin, old, size, proof),) if 0 < old < size else ()
        at = self.at + timedelta(seconds=size)
        sealed = self.outpost.sealed(
            self._audit(wrong, at=at), sent_at=int(at.timestamp()), checkpoints=(self.note(),),
            growth=growth, tails=tails, answers=answers,
        )  # fmt: skip
        assert accept_envelope(sealed, at=at).counted
        self._told = size

    def _audit(self, wrong: tuple[Offender, ...], *, at: datetime) -> list[EvidenceRow]:
        if not wrong:
            return []
        kinds = [each.kind for each in wrong]
        body = MemoryBody(
            size=len(self.entries), audited_at=int(at.timestamp()), offenders=wrong,
            keys={each.key: each.kind for each in wrong}, altered=kinds.count("altered"),
            missing=kinds.count("missing"), unlogged=kinds.count("unlogged"),
        )  # fmt: skip
        return [self.outpost.row("memory", body, subject=self.origin, at=at)]


def hash_of(key: str) -> str:
    """The hash of a key, as entries name it."""
    return key_hash(STORE, key)
