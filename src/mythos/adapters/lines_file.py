"""A file of lines that appears whole or not at all, however many lines it has."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mythos.errors import UnavailableError


@contextmanager
def lines_file(path: Path) -> Iterator[Callable[[bytes], object]]:
    """Write lines beside `path`, and rename them over it when the block ends well.

    Yields:
        What takes the bytes of each line, line end included.

    Raises:
        UnavailableError: the file cannot be written; `path` is then unchanged.
    """
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file.write
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be written: {error.strerror or error}",
            remedy="choose a file in a folder that is there and that you may write to",
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
