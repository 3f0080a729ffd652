"""Cosignatures as C2SP writes them: by whom, when, and over which checkpoint."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.memory.checkpoint import checkpoint_text
from mythos.engines.memory.cosignature import (
    WITNESS,
    CosignatureVerifier,
    cosign,
    verify_cosignature,
)
from mythos.engines.memory.note import NoteSigner, NoteVerifier, parse_note, sign_note, verify_note
from mythos.errors import MemoryLogError

LOG = NoteSigner("mythos/lab-1/clerk", Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
KEY = Ed25519PrivateKey.from_private_bytes(b"\2" * 32)
BY_WITNESS = CosignatureVerifier(WITNESS, KEY.public_key())
NOTE = sign_note(checkpoint_text(LOG.name, 7, b"\7" * 32), LOG)
AT = datetime(2030, 1, 1, tzinfo=UTC)

EXAMPLE = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2"
    "q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2o"
    "yin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)
"""The example of the specification; its witness's key is not published."""


@given(st.datetimes(datetime(1971, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_cosignature_tells_its_time_to_the_second(at: datetime) -> None:
    assert verify_cosignature(cosign(NOTE, KEY, at=at), BY_WITNESS) == at.replace(microsecond=0)


def test_a_cosignature_lies_as_the_specification_lays_it_out() -> None:
    """Key id, eight bytes of time, 64 of signature; the log's own signature stays as it was."""
    cosigned = cosign(NOTE, KEY, at=AT)
    assert cosigned.startswith(NOTE)
    theirs, ours = parse_note(EXAMPLE).signatures[1], parse_note(cosigned).signatures[1]
    assert len(theirs.signature) == len(ours.signature) == 72
    assert int.from_bytes(theirs.signature[:8], "big") == 1679315147
    assert ours.name == "mythos/witness"
    signed = b"cosignature/v1\ntime 1893456000\n" + parse_note(NOTE).text.encode()
    KEY.public_key().verify(ours.signature[8:], signed)


def test_who_knows_no_witness_reads_the_note_as_before() -> None:
    assert verify_note(cosign(NOTE, KEY, at=AT), LOG.verifier).text == parse_note(NOTE).text


def test_the_newest_of_several_times_stands() -> None:
    later = cosign(cosign(NOTE, KEY, at=AT + timedelta(days=1)), KEY, at=AT)
    assert verify_cosignature(later, BY_WITNESS) == AT + timedelta(days=1)


def test_a_cosigners_key_is_no_logs_key_even_of_one_name_and_key() -> None:
    as_log = NoteVerifier(WITNESS, KEY.public_key())
    assert as_log.key_id != BY_WITNESS.key_id
    with pytest.raises(MemoryLogError, match="no known key"):
        verify_note(cosign(NOTE, KEY, at=AT), as_log)


def test_the_text_form_of_a_key_reads_back() -> None:
    assert CosignatureVerifier.parse(f"{BY_WITNESS.vkey}\n") == BY_WITNESS
    assert BY_WITNESS.vkey.startswith("mythos/witness+")


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "mythos/witness",
        "mythos/witness+00000000+AAAA",
        NoteVerifier(WITNESS, KEY.public_key()).vkey,
        BY_WITNESS.vkey.replace("mythos/witness", "mythos/other"),
    ],
)
def test_what_is_no_cosigners_key_is_refused(vkey: str) -> None:
    with pytest.raises(MemoryLogError):
        CosignatureVerifier.parse(vkey)


def _forged(cosigned: str, *, seconds: int) -> str:
    """The same signature under another time."""
    head, _, blob = cosigned.rstrip("\n").rpartition(" ")
    raw = bytearray(base64.b64decode(blob))
    raw[4:12] = seconds.to_bytes(8, "big")
    return f"{head} {base64.b64encode(bytes(raw)).decode()}\n"


@pytest.mark.parametrize(
    "forged",
    [
        _forged(cosign(NOTE, KEY, at=AT), seconds=1),
        _forged(cosign(NOTE, KEY, at=AT), seconds=2**64 - 1),
        cosign(NOTE, KEY, at=AT).replace("\n7\n", "\n8\n"),
        cosign(NOTE, Ed25519PrivateKey.generate(), at=AT),
        NOTE,
    ],
)
def test_another_time_size_or_key_is_refused(forged: str) -> None:
    with pytest.raises(MemoryLogError):
        verify_cosignature(forged, BY_WITNESS)


@pytest.mark.parametrize("at", [datetime(1970, 1, 1, tzinfo=UTC), datetime(1901, 1, 1, tzinfo=UTC)])
def test_a_time_that_no_cosignature_can_carry_is_refused(at: datetime) -> None:
    with pytest.raises(MemoryLogError, match="before 1970"):
        cosign(NOTE, KEY, at=at)
