"""The audit: replay the log to the state it says, hold the live store against it, and sum up.

The log's own proofs come first: entries in order, and every remembered checkpoint still the root
at its size. If one fails, nothing is compared, because the state it would be compared with may be
the forger's; the score is 0.

Agents go on writing while an audit reads. What changed meanwhile is judged once more at the end,
while writers wait (`Audit.recheck`), and only that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from datetime import datetime
from typing import get_args

from mythos.engines.memory.census import Census, holds
from mythos.engines.memory.checkpoint import root_text
from mythos.engines.memory.entry import key_hashes
from mythos.engines.memory.expected import LastWord
from mythos.engines.memory.live import Content, Live
from mythos.engines.memory.replay import LoggedRow, Replay
from mythos.engines.memory.sample import Sample
from mythos.values.memory import MAX_OFFENDERS, BadClass, Checkpoint, MemoryAudit

Names = Callable[[Collection[bytes]], Mapping[bytes, str]]


class Audit:
    """One audit of one store, or of one share of its keys."""

    def __init__(
        self,
        *,
        store: str,
        origin: str,
        checkpoints: Iterable[Checkpoint] = (),
        share: tuple[int, int] = (0, 1),
        sample: Sample | None = None,
    ) -> None:
        """Begin at entry 0.

        Args:
            store, origin, checkpoints, share: as for `Replay`.
            sample: where to draw contents into; None compares all.
        """
        self.replay = Replay(store=store, origin=origin, checkpoints=checkpoints, share=share)
        self.census = Census()
        self.sample = sample
        self.origin = origin
        self._touched: set[bytes] = set()

    def log(self, rows: Sequence[LoggedRow], *, since: int) -> None:
        """Take the next entries, before any live memory; those from `since` on are recent.

        Raises:
            MemoryLogError: a proof of the log does not hold.
        """
        self._touched |= self.replay.feed(rows, since=since)

    def live(self, batch: Sequence[Live]) -> None:
        """Judge live memories."""
        self.census.judge(self.replay, batch)

    def skip(
        self,
        batch: Sequence[str],
        *,
        altered: Container[str],
        size: int,
        look: Callable[[str], Content | None],
    ) -> int:
        """Take keys whose contents an interrupted audit compared when the log had `size` entries.

        What was not altered then, and was not written since, is not compared again.

        Returns:
            How many are not.
        """
        n_taken = 0
        hashes = key_hashes(self.replay.store, batch)
        for key, hashed, expected in zip(
            batch, hashes, self.replay.expected.take(hashes), strict=True
        ):
            if expected is not None and key not in altered and expected.seq < size:
                self.census.ok += 1
                n_taken += 1
            elif self.replay.concerns(hashed):
                self._judge_again(key, expected, look)
        return n_taken

    def keys(self, sample: Sample, batch: Sequence[str]) -> None:
        """Look at live keys only, drawing some of them."""
        sample.see(self.replay, self.census, batch)

    def draw(self, sample: Sample, look: Callable[[str], Content | None]) -> None:
        """Compare the contents of the drawn keys; a key that went meanwhile is missing."""
        for key, expected in sample.drawn:
            self._judge_again(key, expected, look)

    def recheck(
        self, rows: Sequence[LoggedRow], look: Callable[[str], Content | None], names: Names
    ) -> None:
        """Take what was logged since, and look again at what seemed wrong and changed meanwhile.

        What seemed unlogged is looked at again in any case: a file that was being written is none.

        Args:
            rows: entries after those that `log` took.
            look: the live content of a key, now.
            names: key hashes to keys, as far as the names are known.

        Raises:
            MemoryLogError: a proof of the log does not hold.
        """
        late = self.replay.follow(rows)
        self._touched |= late.keys()
        census = self.census
        suspects: dict[str, LastWord | None] = {**census.altered, **dict.fromkeys(census.unlogged)}
        for hashed, key in zip(key_hashes(self.replay.store, suspects), suspects, strict=True):
            passing = suspects[key] is None and key not in census.notes
            if hashed in self._touched or passing:
                census.forget(key)
                self._judge_again(key, late.get(hashed, suspects[key]), look)
        touched = [hashed for hashed in self.replay.expected if hashed in self._touched]
        for hashed, name in names(touched).items():
            (expected,) = self.replay.expected.take([hashed])
            self._judge_again(name, late.get(hashed, expected), look)

    def result(self, names: Names, *, at: datetime) -> MemoryAudit:
        """Sum up.

        Raises:
            MemoryLogError: the log is shorter than a checkpoint remembers.
        """
        self.replay.close()
        census = self.census
        gone, expired = list(self.replay.expected), list(self.replay.expired)
        named = names([*gone, *expired])
        return MemoryAudit(
            origin=self.origin,
            ok=census.ok,
            altered=tuple(sorted(census.altered)),
            missing=tuple(sorted([*census.missing, *(_name(one, named) for one in gone)])),
            unlogged=tuple(sorted(census.unlogged)),
            expired=tuple(sorted(_name(one, named) for one in expired)),
            present=None if self.sample is None else self.sample.present,
            notes=tuple(sorted(f"{key}: {reason}" for key, reason in census.notes.items())),
            size=self.replay.size,
            root=root_text(self.replay.root()),
            audited_at=at,
        )

    def _judge_again(
        self, key: str, expected: LastWord | None, look: Callable[[str], Content | None]
    ) -> None:
        content = look(key)
        if expected is None:
            if content is not None:
                self.census.wrong(key, content, None)
        elif content is None:
            self.census.missing.append(key)
        elif holds(expected, content):
            self.census.ok += 1
        else:
            self.census.wrong(key, content, expected)


def _name(hashed: bytes, named: Mapping[bytes, str]) -> str:
    return named.get(hashed) or f"sha256:{hashed.hex()}"


def joined(parts: Sequence[MemoryAudit]) -> MemoryAudit:
    """The audits of all shares of one store as one; its size and root are the last one's."""
    lists = {
        name: tuple(sorted(key for part in parts for key in getattr(part, name)))
        for name in ("altered", "missing", "unlogged", "expired", "notes")
    }
    present = [part.present for part in parts if part.present is not None]
    counts = {"ok": sum(part.ok for part in parts), "present": sum(present) if present else None}
    kinds = get_args(BadClass)
    found = sorted(
        (offender for part in parts for offender in part.offenders),
        key=lambda offender: (kinds.index(offender.kind), offender.key),
    )
    return parts[-1].model_copy(
        update={**counts, **lists, "offenders": tuple(found[:MAX_OFFENDERS])}
    )
