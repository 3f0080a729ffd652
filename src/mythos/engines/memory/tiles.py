"""Reading tlog-tiles: a log that others keep as files of hashes and of entries.

A tile holds up to 256 hashes of one level of complete subtrees, 8 levels a tile; a bundle holds up
to 256 entries, each after its length in two bytes. Full ones never change; the last of each kind is
partial and ends in `.p/WIDTH`.

Source: https://c2sp.org/tlog-tiles
"""

from __future__ import annotations

from collections.abc import Callable

from mythos.engines.memory.tree import HASH_BYTES, HashTree, parents
from mythos.errors import MemoryLogError

TILE_WIDTH = 256
_TILE_LEVELS = 8
_LENGTH_BYTES = 2
_GROUP = 1000

Fetch = Callable[[str], bytes]


class TiledTree(HashTree):
    """The tree of a tiled log of `size` entries, as a checkpoint states it.

    `fetch` returns the file at a path below the log's root and raises where there is none. Tiles
    are believed for the time being: only a root that equals a signed one shows that they are true.
    """

    __slots__ = ("_fetch", "_known", "_size")

    def __init__(self, fetch: Fetch, size: int) -> None:
        """Read nothing yet."""
        self._fetch = fetch
        self._size = size
        self._known: dict[str, list[bytes]] = {}

    @property
    def size(self) -> int:
        """Number of entries."""
        return self._size

    def node(self, level: int, place: int) -> bytes:
        """The root of one complete subtree, from the tile that holds it or its leaves.

        Raises:
            MemoryLogError: a tile is not what its path says.
        """
        row, above = divmod(level, _TILE_LEVELS)
        first = place << above
        hashes = self._tile(row, first // TILE_WIDTH)
        at = first % TILE_WIDTH
        part = hashes[at : at + (1 << above)]
        while len(part) > 1:
            part = parents(part)
        return part[0]

    def _tile(self, row: int, index: int) -> list[bytes]:
        path = f"tile/{row}/{tile_path(index, width_of(self._size >> (_TILE_LEVELS * row), index))}"
        if path not in self._known:
            self._known[path] = _hashes(self._fetch(path), path)
        return self._known[path]


def entries_of(fetch: Fetch, size: int) -> list[bytes]:
    """Read all entries of a tiled log.

    Raises:
        MemoryLogError: a bundle is not what its path says.
    """
    found: list[bytes] = []
    for index in range(-(-size // TILE_WIDTH)):
        path = f"tile/entries/{tile_path(index, width_of(size, index))}"
        found += _entries(fetch(path), path)
    if len(found) != size:
        raise _malformed("tile/entries", f"{len(found)} entries of {size}")
    return found


def width_of(n: int, index: int) -> int:
    """How many of `n` hashes or entries tile `index` holds."""
    return min(TILE_WIDTH, max(0, n - index * TILE_WIDTH))


def tile_path(index: int, width: int) -> str:
    """Write a tile's place: groups of three digits, all but the last after an `x`.

    Source: https://c2sp.org/tlog-tiles, such as `x001/x234/067` and `000.p/15`.
    """
    path = f"{index % _GROUP:03}"
    while index := index // _GROUP:
        path = f"x{index % _GROUP:03}/{path}"
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def _hashes(data: bytes, path: str) -> list[bytes]:
    if not data or len(data) % HASH_BYTES or len(data) > TILE_WIDTH * HASH_BYTES:
        raise _malformed(path, f"{len(data)} bytes are no hashes")
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def _entries(data: bytes, path: str) -> list[bytes]:
    found: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(data[at:start])
        if at > len(data) or len(found) == TILE_WIDTH:
            raise _malformed(path, "an entry ends after the bundle")
        found.append(data[start:at])
    return found


def _malformed(path: str, why: str) -> MemoryLogError:
    return MemoryLogError(
        f"tiled log, {path}: {why}",
        remedy="fetch the log's tiles again, all of one checkpoint",
    )
