"""Checkpoints: the three lines, and a real log of fifteen entries."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.memory.checkpoint import (
    checkpoint_text,
    log_origin,
    names_log_of,
    parse_checkpoint,
    require_extends,
    root_text,
)
from mythos.engines.memory.note import NoteVerifier, verify_note
from mythos.engines.memory.tree import EMPTY_ROOT, MerkleLog
from mythos.errors import MemoryLogError
from mythos.values.memory import Checkpoint

TESSERA = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
ROOT_LINE = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def test_every_checkpoint_of_the_tessera_log_is_reproduced_from_its_entries(merkle: Path) -> None:
    folder = merkle / "tessera/testdata/log"
    log = MerkleLog()
    log.extend(_bundle_entries((folder / "tile/entries/000.p/15").read_bytes()))
    verifier = NoteVerifier.parse(TESSERA)
    for size in range(16):
        note = verify_note((folder / f"checkpoint.{size}").read_text(), verifier)
        said = parse_checkpoint(note.text)
        assert (said.size, said.root) == (size, root_text(log.root(size)))
        assert checkpoint_text(said.origin, size, log.root(size)) == note.text
        require_extends(log, said, origin="example.com/log/testdata")


def test_extension_lines_of_other_logs_are_allowed() -> None:
    text = f"go.sum database tree\n0\n{ROOT_LINE}\nextension\n"
    expected = Checkpoint(origin="go.sum database tree", size=0, root=root_text(EMPTY_ROOT))
    assert parse_checkpoint(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "three lines"),
        (f"log\n1\n{ROOT_LINE}", "three lines"),
        (f"\n1\n{ROOT_LINE}\n", "three lines"),
        (f"log\n1\n{ROOT_LINE}\n\n", "none empty"),
        (f"log\n01\n{ROOT_LINE}\n", "not a decimal number"),
        (f"log\n-1\n{ROOT_LINE}\n", "not a decimal number"),
        (f"log\n٣\n{ROOT_LINE}\n", "not a decimal number"),
        (f"log\n{10**18}\n{ROOT_LINE}\n", "less than or equal"),
        ("log\n1\nAAAA\n", "root of 3 bytes"),
        ("log\n1\n*\n", "not base64"),
    ],
)
def test_what_is_not_a_checkpoint_is_refused(text: str, said: str) -> None:
    with pytest.raises(MemoryLogError, match=said):
        parse_checkpoint(text)


def test_a_checkpoint_that_could_not_be_read_back_is_not_written() -> None:
    for origin, size, root in [("", 0, EMPTY_ROOT), ("a\nb", 0, EMPTY_ROOT), ("a", 1, b"short")]:
        with pytest.raises(MemoryLogError):
            checkpoint_text(origin, size, root)


def test_the_origin_of_a_log_names_node_and_agent_without_ambiguity() -> None:
    assert log_origin("n1", "clerk") == "mythos/n1/clerk"
    assert log_origin("n1", "front desk/clerk+1") == "mythos/n1/front%20desk%2Fclerk%2B1"
    assert log_origin("a/b", "c") != log_origin("a", "b/c")
    with pytest.raises(MemoryLogError, match="lacks a name"):
        log_origin("n1", "")


def test_a_log_that_forgot_or_rewrote_what_was_remembered_is_refused() -> None:
    log, forged = MerkleLog(), MerkleLog()
    log.extend([b"a", b"b", b"c"])
    forged.extend([b"a", b"B", b"c"])
    known = Checkpoint(origin="o", size=2, root=root_text(log.root(2)))
    require_extends(log, known, origin="o")
    with pytest.raises(MemoryLogError, match="root at size 2"):
        require_extends(forged, known, origin="o")
    with pytest.raises(MemoryLogError, match="log of 0 entries, a checkpoint remembers 2"):
        require_extends(MerkleLog(), known, origin="o")
    with pytest.raises(MemoryLogError, match="checkpoint of 'o' in the log 'p'"):
        require_extends(log, known, origin="p")


def _bundle_entries(bundle: bytes) -> list[bytes]:
    """Entries of a tlog-tiles bundle: each behind its length in two bytes, big-endian."""
    entries = []
    while bundle:
        end = 2 + int.from_bytes(bundle[:2])
        entries.append(bundle[2:end])
        bundle = bundle[end:]
    return entries


@given(st.text(min_size=1, max_size=30, alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_log_is_named_after_its_node_and_agent_and_no_other(agent: str) -> None:
    origin = log_origin("lab-1", agent)
    assert names_log_of("lab-1", origin) == (agent not in {".", ".."})
    assert not names_log_of("lab-10", origin)


@given(st.text(max_size=30))
def test_a_name_of_a_log_is_one_that_log_origin_gives(name: str) -> None:
    origin = f"mythos/lab-1/{name}"
    if names_log_of("lab-1", origin):
        assert log_origin("lab-1", unquote(name)) == origin
