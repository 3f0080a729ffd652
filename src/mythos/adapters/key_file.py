"""Ed25519 keys in files: PKCS#8 PEM, readable by their owner alone.

Ed25519 signatures are deterministic, so signing the same bytes twice gives the same bytes. A key
id is the one TUF gives the public key (SHA-256 over its canonical form). Private bytes leave this
module only into a key file.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.signer import CryptoSigner, SSlibKey

from mythos.adapters.atomic_file import at
from mythos.errors import ConflictError, NotFoundError, TrustError

_PRIVATE = 0o600
_OTHERS = 0o077
_MAKE_ONE = (
    "name a key that `mythos trust init`, `mythos node enroll` or `mythos memory checkpoint"
    " --new-key` made, or make one: `openssl genpkey -algorithm ed25519 -out KEY.pem`"
)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key."""

    raw: Ed25519PublicKey = field(repr=False)

    @property
    def key_id(self) -> str:
        """64 hexadecimal digits."""
        return str(SSlibKey.from_crypto(self.raw).keyid)

    @property
    def pem(self) -> str:
        """SubjectPublicKeyInfo in PEM."""
        return self.raw.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether `signature` is this key's over `data`."""
        try:
            self.raw.verify(signature, data)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key pair."""

    raw: Ed25519PrivateKey = field(repr=False)

    @property
    def public(self) -> PublicKey:
        """Its public half."""
        return PublicKey(self.raw.public_key())

    @property
    def key_id(self) -> str:
        """64 hexadecimal digits, those of the public half."""
        return self.public.key_id

    @property
    def signer(self) -> CryptoSigner:
        """The pair as TUF's metadata API wants it."""
        return CryptoSigner(self.raw)

    def sign(self, data: bytes) -> bytes:
        """Sign bytes; 64 bytes, the same for the same data."""
        return self.raw.sign(data)


def create_key(path: Path) -> SigningKey:
    """Make a new key pair and store it with mode 0600, whole or not at all.

    Raises:
        ConflictError: there is a file at `path` already; it is never overwritten.
        OSError: it cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    except FileExistsError as error:
        raise ConflictError(
            f"there is a key at {path} already", remedy="load it, or name another file"
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
    except OSError as error:
        path.unlink()  # half a key would stand in the way of the next attempt
        raise at(error, path) from None
    return SigningKey(key)


def kept_key(path: Path) -> SigningKey:
    """The key pair at `path`, made on first use.

    Processes that come at once agree: the file appears whole, and the loser reads the winner's.

    Raises:
        TrustError: others may read it, or it holds no Ed25519 key.
        OSError: it cannot be written.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        create_key(draft)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return load_key(path)


def load_key(path: Path) -> SigningKey:
    """Read a key pair.

    Raises:
        NotFoundError: no such file.
        TrustError: others may read it, or it holds no Ed25519 key.
    """
    try:
        mode = path.stat().st_mode
        pem = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(
            f"there is no key at {path}",
            remedy="restore the file; if it is lost, enrol the host, or make the repository, anew",
        ) from error
    if mode & _OTHERS:
        raise TrustError(
            f"others may read the key at {path} (mode {mode & 0o777:04o}, expected 0600)",
            remedy=f"run `chmod 600 {path}`, and replace the key if others had access",
        )
    return SigningKey(_private(pem, path))


def load_public_key(pem: str) -> PublicKey:
    """Read a public key from PEM text.

    Raises:
        TrustError: no Ed25519 public key.
    """
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_public_key() from error
    if not isinstance(key, Ed25519PublicKey):
        raise _no_public_key()
    return PublicKey(key)


def _private(pem: bytes, path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, None)
    except TypeError as error:
        raise _not_a_key(
            path,
            "an encrypted one",
            remedy=f"write it without its passphrase: `openssl pkey -in {path} -out KEY.pem`",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _not_a_key(path, _said(pem)) from error
    if not isinstance(key, Ed25519PrivateKey):
        kind = type(key).__name__.removesuffix("PrivateKey")
        raise _not_a_key(path, f"one for {kind}")
    return key


def _said(pem: bytes) -> str:
    """What PEM says of itself, where it is no private key that can be read."""
    label = re.search(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----", pem)
    return f"PEM labelled {label[1].decode()}" if label else "no PEM at all"


def _not_a_key(path: Path, what: str, *, remedy: str = _MAKE_ONE) -> TrustError:
    return TrustError(
        f"{path} holds no Ed25519 private key in unencrypted PEM, but {what}", remedy=remedy
    )


def _no_public_key() -> TrustError:
    return TrustError(
        "the text holds no Ed25519 public key in PEM",
        remedy="send the request again as `mythos node enroll` wrote it",
    )
