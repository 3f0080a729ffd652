from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from mythos.adapters.key_file import create_key, load_key, load_public_key
from mythos.errors import ConflictError, NotFoundError, TrustError

Key = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey | X25519PrivateKey


def test_a_key_is_private_and_loads_again(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "node.pem"
    key = create_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_key(path).key_id == key.key_id == load_public_key(key.public.pem).key_id
    assert len(key.key_id) == 64


def test_a_key_never_shows_its_private_half(tmp_path: Path) -> None:
    key = create_key(tmp_path / "node.pem")
    assert "Private" not in repr(key)


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    create_key(tmp_path / "node.pem")
    with pytest.raises(ConflictError, match="there is a key"):
        create_key(tmp_path / "node.pem")


def test_a_missing_key_says_where_it_should_lie(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"root\.pem"):
        load_key(tmp_path / "root.pem")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    create_key(tmp_path / "node.pem")
    (tmp_path / "node.pem").chmod(mode)
    with pytest.raises(TrustError, match=f"mode 0{mode:o}") as caught:
        load_key(tmp_path / "node.pem")
    assert "chmod 600" in caught.value.remedy


SECRET = BestAvailableEncryption(b"secret")
ED25519 = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


def private(key: Key, how: PrivateFormat, secret: KeySerializationEncryption) -> bytes:
    return key.private_bytes(Encoding.PEM, how, secret)


OTHERS = {
    "nothing": (b"", "but no PEM at all", "openssl genpkey -algorithm ed25519"),
    "DER": (
        ED25519.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        "but no PEM at all",
        "openssl genpkey",
    ),
    "RSA": (
        private(generate_rsa(65537, 2048), PrivateFormat.PKCS8, NoEncryption()),
        "but one for RSA",
        "`mythos memory checkpoint --new-key`",
    ),
    "EC": (
        private(generate_ec(SECP256R1()), PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        "but one for EC",
        "openssl genpkey",
    ),
    "X25519": (
        private(X25519PrivateKey.generate(), PrivateFormat.PKCS8, NoEncryption()),
        "but one for X25519",
        "openssl genpkey",
    ),
    "encrypted": (
        private(ED25519, PrivateFormat.PKCS8, SECRET),
        "but an encrypted one",
        "`openssl pkey -in ",
    ),
    "OpenSSH": (
        private(ED25519, PrivateFormat.OpenSSH, NoEncryption()),
        "but PEM labelled OPENSSH PRIVATE KEY",
        "openssl genpkey",
    ),
    "public": (
        ED25519.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "but PEM labelled PUBLIC KEY",
        "openssl genpkey",
    ),
    "garbage in PEM": (
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "but PEM labelled PRIVATE KEY",
        "openssl genpkey",
    ),
}


@pytest.mark.parametrize(("content", "what", "remedy"), OTHERS.values(), ids=OTHERS)
def test_what_is_no_ed25519_key_is_refused_with_what_it_is_and_how_to_get_one(
    tmp_path: Path, content: bytes, what: str, remedy: str
) -> None:
    path = tmp_path / "node.pem"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(
        TrustError, match=f"no Ed25519 private key in unencrypted PEM, {what}"
    ) as no:
        load_key(path)
    assert remedy in no.value.remedy


def test_what_is_no_public_key_is_refused() -> None:
    with pytest.raises(TrustError, match="no Ed25519 public key"):
        load_public_key("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
