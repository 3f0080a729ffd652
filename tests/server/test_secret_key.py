"""The kept secret key: made once, private, and never a weak one."""

from __future__ import annotations

from pathlib import Path

import pytest

from mythos.config import load_config
from mythos.errors import ConfigError
from mythos.server.project.secret_key import SHORTEST, read_or_create


def test_it_is_made_once_and_is_private(tmp_path: Path) -> None:
    config = load_config({"MYTHOS_HOME": str(tmp_path)})
    made = read_or_create(config)
    assert len(made) >= SHORTEST
    assert read_or_create(config) == made
    assert config.secret_key_file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [config.secret_key_file]


@pytest.mark.parametrize("kept", [b"", b"short", b"\xff" * SHORTEST])
def test_a_file_without_a_key_is_refused(tmp_path: Path, kept: bytes) -> None:
    config = load_config({"MYTHOS_HOME": str(tmp_path)})
    config.secret_key_file.write_bytes(kept)
    with pytest.raises(ConfigError, match="holds no secret key"):
        read_or_create(config)
