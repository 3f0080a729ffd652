"""The server's secret key: given by the environment, or made once and kept in a 0600 file."""

from __future__ import annotations

import os
import secrets

from mythos.config import Config


def read_or_create(config: Config) -> str:
    """The configured key, else the kept one, else a new one that is kept.

    Two processes that start at once agree: the file is created exclusively, and the loser reads.
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
    return path.read_text("utf-8")
