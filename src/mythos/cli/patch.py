"""Patches: edits of files as a unified diff that `patch` and `git apply` take.

Files below the working directory are named from there. `patch` takes no name that leaves the
folder it works in, so where a file lies elsewhere all are named from the root, and `apply` says so.
"""

from __future__ import annotations

import difflib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Edit:
    """A file's text before and after."""

    file: Path
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Patch:
    """A diff, and the command that reads it, run in the working directory; both may be empty."""

    lines: tuple[str, ...] = ()
    apply: str = ""

    @property
    def text(self) -> str:
        """The diff in one piece."""
        return "".join(self.lines)


def patch_of(edits: Sequence[Edit]) -> Patch:
    """The edits as one patch; no edits are an empty one."""
    files = [edit.file.resolve() for edit in edits]
    here = Path.cwd().resolve()
    near = all(file.is_relative_to(here) for file in files)
    names = [str(file.relative_to(here) if near else file) for file in files]
    pairs = zip(edits, names, strict=True)
    lines = tuple(line for edit, name in pairs for line in _unified(edit, _header(name)))
    return Patch(lines, ("patch -p0" if near else "patch -d / -p0") if lines else "")


def _unified(edit: Edit, header: str) -> Iterator[str]:
    before, after = _lines(edit.before), _lines(edit.after)
    for line in difflib.unified_diff(before, after, header, header, n=2):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(text: str) -> list[str]:
    """Only a line feed ends a line of a diff, whatever else ends one elsewhere."""
    return list(io.StringIO(text, newline="\n"))


def _header(name: str) -> str:
    """A name as a diff's head has it: a tab ends one with a space, quotes hold an odd one."""
    written = os.fsencode(name)
    controls = any(byte < 0x20 or byte == 0x7F for byte in written)
    if controls or name != name.strip() or name.startswith('"') or not _is_text(name):
        return '"' + "".join(map(_escaped, written)) + '"'
    return f"{name}\t" if " " in name else name


def _is_text(name: str) -> bool:
    return not any(0xDC80 <= ord(letter) <= 0xDCFF for letter in name)  # bytes that are no UTF-8


def _escaped(byte: int) -> str:
    return chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\{byte:03o}"
