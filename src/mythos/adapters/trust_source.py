"""Where metadata, targets and blobs come from: a folder, a web address, or memory.

All three have the same shape, a *site*: `packets/` and `deployments/<environment>/` with
`metadata/` and `targets/`, and an OCI layout's `blobs/`. Nothing that comes from a source is
trusted; a source only has to give bytes in pieces, so that a reader can stop at the signed length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import httpx

from mythos.engines.bundle.inventory import unsafe_path
from mythos.errors import BundleError, NotFoundError, UnavailableError

_CHUNK = 2**20


class Source(Protocol):
    """Gives the bytes at a path of a site."""

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes at `path`, in pieces.

        Raises:
            NotFoundError: nothing is there.
            UnavailableError: the source cannot be reached.
        """
        ...


class FolderSource:
    """A site on disk: a mounted medium, or an imported archive."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def chunks(self, path: str) -> Iterator[bytes]:
        """Read a file of the folder."""
        if unsafe_path(path):
            raise _nothing(path)
        try:
            with (self._folder / path).open("rb") as file:
                while chunk := file.read(_CHUNK):
                    yield chunk
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise _nothing(path) from error
        except OSError as error:
            raise UnavailableError(
                f"{path} cannot be read: {error.strerror}", remedy="check the folder and its medium"
            ) from error


class HttpSource:
    """A site behind a web address. Redirects are not followed, nothing is decompressed."""

    def __init__(self, url: str, client: httpx.Client) -> None:
        self._url = url.rstrip("/")
        self._client = client

    def chunks(self, path: str) -> Iterator[bytes]:
        """Read a response body as it arrives."""
        url = f"{self._url}/{quote(path)}"
        headers = {"Accept-Encoding": "identity"}
        try:
            with self._client.stream("GET", url, headers=headers) as response:
                if response.status_code in {403, 404, 410}:
                    raise _nothing(path)
                if response.status_code != httpx.codes.OK:
                    raise UnavailableError(
                        f"{url} answered {response.status_code}", remedy="ask again later"
                    )
                yield from response.iter_raw()
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise UnavailableError(
                f"{url} cannot be reached: {error}",
                remedy="check the address and the network, then ask again",
            ) from error


class MemorySource:
    """Files that were read already, by path. `given` names those that were asked for."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self.given: set[str] = set()

    def chunks(self, path: str) -> Iterator[bytes]:
        """Give a file in one piece."""
        if path not in self._files:
            raise _nothing(path)
        self.given.add(path)
        yield self._files[path]


def whole(source: Source, path: str, *, limit: int) -> bytes:
    """The bytes at a path, of which there may be `limit`.

    Raises:
        NotFoundError: nothing is there.
        BundleError: there is more.
    """
    data = bytearray()
    for chunk in source.chunks(path):
        data += chunk
        if len(data) > limit:
            raise BundleError(f"{path} has over {limit} bytes", remedy="ask another source")
    return bytes(data)


def _nothing(path: str) -> NotFoundError:
    return NotFoundError(f"there is no {path} at the source", remedy="publish the bundle again")
