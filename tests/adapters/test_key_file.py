from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mythos.adapters.key_file import create_key, load_key, load_public_key
from mythos.errors import ConflictError, NotFoundError, TrustError


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


def test_other_keys_and_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "node.pem"
    for content in (
        b"no key",
        generate_private_key(SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ),
    ):
        path.touch(mode=0o600)
        path.write_bytes(content)
        with pytest.raises(TrustError, match="no Ed25519 key"):
            load_key(path)
    with pytest.raises(TrustError, match="no Ed25519 key"):
        load_public_key("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
