"""Signed notes: a text with Ed25519 signature lines below it, readable by people.

The C2SP signed-note format. A note is its text, a blank line, and a line a signer: an em dash, the
key name, and base64 of a 4-byte key id with the signature. Signatures by unknown keys are ignored;
a bad signature by a known key condemns the note.

Source: https://c2sp.org/signed-note
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mythos.errors import MemoryLogError

MAX_NOTE_CHARS = 1_000_000  # golang.org/x/mod/sumdb/note refuses notes of more than 1 MB
MAX_SIGNATURES = 100  # same source
_ED25519 = b"\x01"
_KEY_ID_BYTES = 4
_FIRST_PRINTABLE = " "
_VKEY = re.compile(r"([^\s+]{1,300})\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)")
_REMEDY = "fetch the note again, byte by byte as it was signed, with the key its signer published"


@dataclass(frozen=True, slots=True)
class NoteVerifier:
    """A public key under a name, as notes know it."""

    name: str
    key: Ed25519PublicKey

    def __post_init__(self) -> None:
        """Refuse names that cannot stand on a signature line."""
        _require_key_name(self.name)

    @classmethod
    def of_bytes(cls, name: str, key: bytes) -> Self:
        """Take the 32 raw bytes of an Ed25519 public key."""
        try:
            return cls(name, Ed25519PublicKey.from_public_bytes(key))
        except ValueError as error:
            raise _malformed(f"public key of {name!r}: {error}") from error

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read a verifier key, `name+8 hex digits+base64`, of type 0x01.

        Raises:
            MemoryLogError: no such key. What was given is not repeated: it may be a private key.
        """
        name, key_id, material = parts_of_vkey(vkey)
        if material[:1] != _ED25519:
            raise _no_vkey(f"the verifier key of {name!r} is not of type 0x01, Ed25519")
        try:
            verifier = cls(name, Ed25519PublicKey.from_public_bytes(material[1:]))
        except ValueError as error:
            raise _no_vkey(f"the verifier key of {name!r} holds no Ed25519 key") from error
        if verifier.key_id.hex() != key_id:
            raise _no_vkey(f"the verifier key of {name!r} says id {key_id!r}, not its own")
        return verifier

    @property
    def key_id(self) -> bytes:
        """Return the four bytes that tell keys of one name apart."""
        return sha256(self.name.encode() + b"\n" + self._material).digest()[:_KEY_ID_BYTES]

    @property
    def vkey(self) -> str:
        """Return the text form, for publication."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(self._material).decode()}"

    @property
    def _material(self) -> bytes:
        return _ED25519 + self.key.public_bytes_raw()


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A private key under a name."""

    name: str
    key: Ed25519PrivateKey

    @property
    def verifier(self) -> NoteVerifier:
        """Return the public half."""
        return NoteVerifier(self.name, self.key.public_key())


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line, not yet checked."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note read but not checked: `text` ends in a newline."""

    text: str
    signatures: tuple[NoteSignature, ...]


def parts_of_vkey(vkey: str) -> tuple[str, str, bytes]:
    """Split a verifier key into name, key id in hex, and type byte with key.

    Raises:
        MemoryLogError: it has not this form. It is not repeated: it may be a private key.
    """
    found = _VKEY.fullmatch(vkey.strip())
    if found is None:
        key = re.search("(PRIVATE|PUBLIC) KEY", vkey)
        what = f"a {key[0].lower()} in PEM" if key else "none"
        raise _no_vkey(f"what was given as a verifier key is {what}")
    name, key_id, encoded = found.groups()
    try:
        return name, key_id, base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise _no_vkey(f"the verifier key of {name[:80]!r} is not base64") from error


def sign_note(text: str, *signers: NoteSigner) -> str:
    """Return `text` as a note with one signature line for each signer.

    Raises:
        MemoryLogError: no signer, or a text that does not end in a newline or holds control
            characters.
    """
    _require_text(text)
    if not signers:
        raise _malformed("a note needs at least one signer")
    lines = []
    for signer in signers:
        blob = signer.verifier.key_id + signer.key.sign(text.encode())
        lines.append(f"— {signer.name} {base64.b64encode(blob).decode()}\n")
    return f"{text}\n{''.join(lines)}"


def parse_note(note: str) -> Note:
    """Split a note into its text and signature lines, checking no signature.

    Raises:
        MemoryLogError: the note is not in the format.
    """
    if len(note) > MAX_NOTE_CHARS:
        raise _malformed(f"note of {len(note)} characters, at most {MAX_NOTE_CHARS}")
    text, blank, tail = note.rpartition("\n\n")
    if not blank or not tail.endswith("\n"):
        raise _malformed("no blank line and signatures, each ending in a newline")
    _require_text(text + "\n")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise _malformed(f"{len(lines)} signatures, at most {MAX_SIGNATURES}")
    return Note(text + "\n", tuple(_parse_signature(line) for line in lines))


def verify_note(note: str, *verifiers: NoteVerifier) -> Note:
    """Return the note if a known key signed it and no known key's signature is bad.

    Raises:
        MemoryLogError: malformed, signed by no known key, or a known key's signature is wrong.
    """
    parsed = parse_note(note)
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    n_good = 0
    for signature in parsed.signatures:
        verifier = known.get((signature.name, signature.key_id))
        if verifier is None:
            continue
        try:
            verifier.key.verify(signature.signature, parsed.text.encode())
        except InvalidSignature as error:
            raise _malformed(f"signature of {signature.name!r} does not hold") from error
        n_good += 1
    if not n_good:
        names = ", ".join(sorted({signature.name for signature in parsed.signatures}))
        raise _malformed(f"no known key signed this note; signed by {names}")
    return parsed


def _parse_signature(line: str) -> NoteSignature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "—":
        raise _malformed(f"signature line does not begin with an em dash: {line[:80]!r}")
    _require_key_name(name)
    blob = _decode(encoded, what=f"signature of {name!r}")
    if len(blob) <= _KEY_ID_BYTES:
        raise _malformed(f"signature of {name!r} holds {len(blob)} bytes only")
    return NoteSignature(name, blob[:_KEY_ID_BYTES], blob[_KEY_ID_BYTES:])


def _require_text(text: str) -> None:
    if not text.endswith("\n"):
        raise _malformed("text does not end in a newline")
    if any(char < _FIRST_PRINTABLE and char != "\n" for char in text):
        raise _malformed("text holds control characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _malformed("text is not Unicode that UTF-8 can carry") from error


def _require_key_name(name: str) -> None:
    if not name or "+" in name or any(char.isspace() or char < _FIRST_PRINTABLE for char in name):
        raise _malformed(f"key name {name[:80]!r} is empty or holds a space or a plus sign")


def _decode(encoded: str, *, what: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed(f"{what} is not base64") from error


def _no_vkey(message: str) -> MemoryLogError:
    return MemoryLogError(
        message,
        remedy="give the line NAME+ID+KEY: `mythos memory checkpoint` prints it for a log,"
        " `mythos witness list` for a witness",
    )


def _malformed(message: str) -> MemoryLogError:
    return MemoryLogError(f"signed note: {message}", remedy=_REMEDY)
