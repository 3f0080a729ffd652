"""Signed notes: real ones of public logs, and what must not pass for one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.memory.cosignature import CosignatureVerifier
from mythos.engines.memory.note import (
    NoteSigner,
    NoteVerifier,
    parse_note,
    sign_note,
    verify_note,
)
from mythos.errors import MemoryLogError

SIGNER = NoteSigner("mythos/n1/clerk", Ed25519PrivateKey.from_private_bytes(b"k" * 32))
OTHER = NoteSigner("witness.example", Ed25519PrivateKey.from_private_bytes(b"w" * 32))
lines = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=20)


def test_every_recorded_note_is_judged_as_its_authors_say(merkle: Path) -> None:
    cases = json.loads((merkle / "notes/signed_notes.json").read_text())
    for case in cases:
        try:
            verifier = NoteVerifier.parse(case["vkey"])
            verify_note(case["note"], verifier)
        except MemoryLogError:
            assert not case["valid"], case["name"]
        else:
            assert case["valid"], case["name"]
            assert verifier.vkey == case["vkey"]
    assert {case["valid"] for case in cases} == {True, False}


@given(st.lists(lines).map(lambda found: "".join(f"{line}\n" for line in found) or "\n"))
def test_any_text_comes_back_from_its_signed_note(text: str) -> None:
    note = sign_note(text, SIGNER, OTHER)
    assert verify_note(note, SIGNER.verifier).text == text
    assert [line.name for line in parse_note(note).signatures] == [SIGNER.name, OTHER.name]


@given(st.data())
def test_no_other_text_verifies_under_the_same_signature(data: st.DataObject) -> None:
    note = sign_note("a log\n12\nroot\n", SIGNER)
    where = data.draw(st.integers(0, len("a log\n12\nroot") - 1))
    letter = data.draw(st.sampled_from("abcdefghij0123456789"))
    changed = note[:where] + letter + note[where + 1 :]
    if changed == note:
        return
    with pytest.raises(MemoryLogError):
        verify_note(changed, SIGNER.verifier)


def test_signatures_of_unknown_keys_are_ignored_but_one_known_is_needed() -> None:
    note = sign_note("text\n", SIGNER, OTHER)
    assert verify_note(note, OTHER.verifier).text == "text\n"
    stranger = NoteSigner("stranger", SIGNER.key)
    with pytest.raises(MemoryLogError, match="no known key signed this note"):
        verify_note(note, stranger.verifier)


def test_a_bad_signature_of_a_known_key_condemns_a_note_that_another_signed_well() -> None:
    good, bad = sign_note("text\n", OTHER), sign_note("other text\n", SIGNER)
    note = good + bad.rpartition("\n\n")[2]
    assert verify_note(note, OTHER.verifier).text == "text\n"
    with pytest.raises(MemoryLogError, match="signature of 'mythos/n1/clerk' does not hold"):
        verify_note(note, OTHER.verifier, SIGNER.verifier)


def test_a_key_of_the_same_name_is_another_key() -> None:
    impostor = NoteSigner(SIGNER.name, OTHER.key)
    with pytest.raises(MemoryLogError, match="no known key"):
        verify_note(sign_note("text\n", impostor), SIGNER.verifier)


@pytest.mark.parametrize(
    ("note", "said"),
    [
        ("", "no blank line"),
        ("text\n", "no blank line"),
        ("text\n\n— name AAAAAAAA", "ending in a newline"),
        ("text\n\n- name AAAAAAAA\n", "em dash"),
        ("text\n\n—  AAAAAAAA\n", "key name ''"),
        ("text\n\n— na+me AAAAAAAA\n", "key name 'na\\+me'"),
        ("text\n\n— name AAAA*AAA\n", "not base64"),
        ("text\n\n— name AAAA\n", "holds 3 bytes only"),
        ("te\txt\n\n— name AAAAAAAA\n", "control characters"),
        ("te\ud800xt\n\n— name AAAAAAAA\n", "not Unicode"),
        ("text\n\n" + "— name AAAAAAAA\n" * 101, "101 signatures"),
        ("x" * 1_000_001, "1000001 characters"),
    ],
)
def test_what_is_not_a_note_is_refused(note: str, said: str) -> None:
    with pytest.raises(MemoryLogError, match=said) as caught:
        parse_note(note)
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\nb"])
def test_a_key_name_that_cannot_stand_on_a_signature_line_is_refused(name: str) -> None:
    with pytest.raises(MemoryLogError, match="key name"):
        sign_note("text\n", NoteSigner(name, SIGNER.key))


def test_text_that_cannot_be_read_back_is_not_signed() -> None:
    with pytest.raises(MemoryLogError, match="does not end in a newline"):
        sign_note("text", SIGNER)
    with pytest.raises(MemoryLogError, match="at least one signer"):
        sign_note("text\n")


@pytest.mark.parametrize("before", ["", "name+", "name+00000000+"])
def test_a_private_key_given_for_a_verifier_key_is_not_repeated(before: str) -> None:
    pem = SIGNER.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    secret = pem.splitlines()[1]
    for read in (NoteVerifier.parse, CosignatureVerifier.parse):
        with pytest.raises(MemoryLogError, match="is a private key") as caught:
            read(before + pem)
        assert secret[-20:] not in f"{caught.value}{caught.value.remedy}"


@pytest.mark.parametrize("given", ["", "name", "n+00000000+", "a b+00000000+AQ==", "n+hex+AQ=="])
def test_what_has_not_the_form_of_a_verifier_key_is_refused(given: str) -> None:
    with pytest.raises(MemoryLogError, match="verifier key is none"):
        NoteVerifier.parse(given)


def test_a_verifier_key_with_the_id_of_another_is_refused() -> None:
    name, _, rest = SIGNER.verifier.vkey.partition("+")
    forged = f"{name}+00000000+{rest.partition('+')[2]}"
    with pytest.raises(MemoryLogError, match="not its own"):
        NoteVerifier.parse(forged)
