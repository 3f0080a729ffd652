"""Verdicts of coherence checks in a folder: one sealed file a key, which may be deleted any time.

Most of a verdict says that something can never be, and nothing but a new proof could check that.
So each file is sealed with a secret that lies elsewhere: one that was edited, cut off, renamed or
brought from another machine counts as missing. A folder that cannot be read or written makes a
check slower and changes nothing else; it keeps why, for whoever waits for the check.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from mythos.adapters.atomic_file import at, write_atomically

MAX_BYTES = 4 * 2**20  # of one verdict
_SECRET_BYTES = _SEAL_BYTES = 32


def default_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """`mythos/coherence` in the user's cache folder."""
    base = environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "mythos" / "coherence"


def default_secret(environ: Mapping[str, str] = os.environ) -> bytes:
    """The user's secret, `mythos/coherence.key` in the state folder, made when first needed.

    Raises:
        OSError: it cannot be kept, so nothing would be recalled with it.
    """
    base = environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    path = Path(base) / "mythos" / "coherence.key"
    try:
        kept = path.read_bytes()
    except OSError:
        kept = b""
    if len(kept) == _SECRET_BYTES:
        return kept
    made = secrets.token_bytes(_SECRET_BYTES)
    try:
        write_atomically(path, made, mode=0o600)
    except OSError as error:
        raise at(error, path) from None
    return made


class VerdictFolder:
    """A `Memory` on disk. Keys are digests, `sha256:` and hexadecimal digits.

    `refused` is why a verdict could not be kept, None as long as all were.
    """

    def __init__(self, folder: Path, secret: bytes) -> None:
        """Use a folder; it is made when the first verdict is kept."""
        self._folder, self._secret = folder, secret
        self.refused: OSError | None = None

    def get(self, key: str) -> bytes | None:
        """What was kept under this key with this secret, or None."""
        try:
            with self._path(key).open("rb") as file:
                seal, value = file.read(_SEAL_BYTES), file.read(MAX_BYTES + 1)
        except OSError:
            return None
        return value if hmac.compare_digest(seal, self._seal(key, value)) else None

    def put(self, key: str, value: bytes) -> None:
        """Keep it; not where the folder cannot be written."""
        if len(value) > MAX_BYTES:
            return
        try:
            write_atomically(self._path(key), self._seal(key, value) + value, mode=0o600)
        except OSError as error:
            self.refused = at(error, self._folder)

    def _seal(self, key: str, value: bytes) -> bytes:
        return hmac.digest(self._secret, key.encode() + b"\n" + value, "sha256")

    def _path(self, key: str) -> Path:
        return self._folder / f"{key.replace(':', '-')}.verdict"
