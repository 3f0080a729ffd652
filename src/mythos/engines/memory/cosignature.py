"""Cosignatures: a witness's word, on a checkpoint, that the log only grew up to it.

The Ed25519 cosignature of C2SP, version 1: one more signature line of the note. What is signed is
the note's text under a header with the time, so it can never pass for the log's own signature. It
says that the witness has seen no other history of this log, and nothing of what the log holds.

Source: https://c2sp.org/tlog-cosignature
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mythos.engines.memory.note import parse_note, parts_of_vkey
from mythos.errors import MemoryLogError

WITNESS = "mythos/witness"
_TYPE = b"\x04"
_TIME_BYTES = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND = 253_402_300_799  # the end of the year 9999


@dataclass(frozen=True, slots=True)
class CosignatureVerifier:
    """A witness's public key under its name."""

    name: str
    key: Ed25519PublicKey

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read a verifier key, `name+8 hex digits+base64`, of type 0x04.

        Raises:
            MemoryLogError: no such key. What was given is not repeated: it may be a private key.
        """
        name, key_id, material = parts_of_vkey(vkey)
        try:
            verifier = cls(name, Ed25519PublicKey.from_public_bytes(material[1:]))
        except ValueError as error:
            raise _refused(f"verifier key of {name!r} holds no Ed25519 key") from error
        if material[:1] != _TYPE or verifier.key_id.hex() != key_id:
            raise _refused(f"verifier key of {name!r} is no cosigner's (type 0x04)")
        return verifier

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell keys of one name apart, and cosignatures from signatures."""
        return sha256(self.name.encode() + b"\n" + self._material).digest()[:4]

    @property
    def vkey(self) -> str:
        """The text form, for publication."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(self._material).decode()}"

    @property
    def _material(self) -> bytes:
        return _TYPE + self.key.public_bytes_raw()


def cosign(note: str, key: Ed25519PrivateKey, *, at: datetime, name: str = WITNESS) -> str:
    """Return `note` with a cosignature line below its signatures.

    Args:
        note: a signed checkpoint whose consistency the caller has verified.
        key: the witness's key.
        at: now, with its zone, to the second.
        name: the witness's name.

    Raises:
        MemoryLogError: malformed note, or a time that no cosignature can carry.
    """
    seconds = (at - _EPOCH) // timedelta(seconds=1)
    if not 0 < seconds <= _LAST_SECOND:
        raise _refused(f"time {at.isoformat()} is before 1970 or after 9999")
    signed = key.sign(_message(parse_note(note).text, seconds))
    verifier = CosignatureVerifier(name, key.public_key())
    blob = verifier.key_id + seconds.to_bytes(_TIME_BYTES, "big") + signed
    return f"{note}— {name} {base64.b64encode(blob).decode()}\n"


def verify_cosignature(note: str, verifier: CosignatureVerifier) -> datetime:
    """Return when the witness cosigned `note`; of several times the newest.

    Raises:
        MemoryLogError: malformed, not cosigned by this witness, or its cosignature does not hold.
    """
    parsed = parse_note(note)
    times = []
    for line in parsed.signatures:
        if (line.name, line.key_id) != (verifier.name, verifier.key_id):
            continue
        seconds = int.from_bytes(line.signature[:_TIME_BYTES], "big")
        try:
            verifier.key.verify(line.signature[_TIME_BYTES:], _message(parsed.text, seconds))
        except InvalidSignature as error:
            raise _refused(f"cosignature of {line.name!r} does not hold") from error
        times.append(min(seconds, _LAST_SECOND))
    if not times:
        names = ", ".join(sorted({line.name for line in parsed.signatures}))
        raise _refused(f"{verifier.name!r} has not cosigned this; signed by {names}")
    return _EPOCH + timedelta(seconds=max(times))


def verify_any_cosignature(note: str, verifiers: Sequence[CosignatureVerifier]) -> datetime:
    """Return when a witness that is known cosigned `note`: `verify_cosignature` for several.

    Raises:
        MemoryLogError: malformed, cosigned by none of them, or a cosignature does not hold.
    """
    signers = {(line.name, line.key_id) for line in parse_note(note).signatures}
    fitting = [each for each in verifiers if (each.name, each.key_id) in signers]
    return max(verify_cosignature(note, each) for each in fitting or verifiers)


def is_cosigner(vkey: str) -> bool:
    """Whether a verifier key is that of a cosigner (type 0x04), going by its first byte alone."""
    encoded = vkey.strip().split("+", 2)[-1]
    try:
        return base64.b64decode(encoded, validate=True)[:1] == _TYPE
    except ValueError:
        return False


def _message(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _refused(message: str) -> MemoryLogError:
    return MemoryLogError(
        f"cosignature: {message}",
        remedy="fetch the cosigned checkpoint and the key again from the control plane",
    )
