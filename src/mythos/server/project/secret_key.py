"""The server's secret key: given by the environment, or made once and kept in a 0600 file."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from mythos.config import Config
from mythos.errors import ConfigError

SHORTEST = 50  # bytes, as Django asks for


def read_or_create(config: Config) -> str:
    """The configured key, else the kept one, else a new one that is kept.

    Two processes that start at once agree: the file is created exclusively, and the loser reads.

    Raises:
        ConfigError: the kept file is empty, cut short or something else.
    """
    if config.secret_key is not None:
        return config.secret_key.get_secret_value()
    path = config.secret_key_file
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(64), "utf-8")
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)
    return _kept(path)


def _kept(path: Path) -> str:
    kept = path.read_bytes()
    if len(kept) < SHORTEST or not kept.isascii():
        raise ConfigError(
            f"{path} holds no secret key",
            remedy="remove the file; a new key is made, and everybody has to sign in again",
        )
    return kept.decode("ascii")
