"""Kept verdicts come back only as they were kept, under their own key and with their own secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from mythos.adapters.verdict_folder import MAX_BYTES, VerdictFolder, default_secret

KEY, OTHER = "sha256:aa", "sha256:bb"


def kept(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def test_what_is_kept_is_recalled_by_whoever_has_the_secret(tmp_path: Path) -> None:
    VerdictFolder(tmp_path, b"secret").put(KEY, b"{}")
    assert VerdictFolder(tmp_path, b"secret").get(KEY) == b"{}"
    assert VerdictFolder(tmp_path, b"secret").refused is None
    assert VerdictFolder(tmp_path, b"secret").get(OTHER) is None
    assert VerdictFolder(tmp_path, b"another").get(KEY) is None


def test_a_file_with_any_byte_changed_counts_as_missing(tmp_path: Path) -> None:
    memory = VerdictFolder(tmp_path, b"secret")
    memory.put(KEY, b'{"kept": true}')
    whole = kept(tmp_path).read_bytes()
    for place in range(len(whole)):
        kept(tmp_path).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert memory.get(KEY) is None, place
    for cut in (whole[:-1], whole + b" ", b""):
        kept(tmp_path).write_bytes(cut)
        assert memory.get(KEY) is None


def test_a_file_that_bears_the_name_of_another_counts_as_missing(tmp_path: Path) -> None:
    memory = VerdictFolder(tmp_path, b"secret")
    memory.put(KEY, b"{}")
    kept(tmp_path).rename(tmp_path / kept(tmp_path).name.replace("aa", "bb"))
    assert memory.get(OTHER) is None


def test_given_no_folder_to_write_or_too_much_then_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    memory = VerdictFolder(tmp_path / "file", b"secret")
    memory.put(KEY, b"{}")
    assert memory.get(KEY) is None
    assert memory.refused is not None
    assert memory.refused.filename == str(tmp_path / "file")
    memory = VerdictFolder(tmp_path / "folder", b"secret")
    memory.put(KEY, b"x" * (MAX_BYTES + 1))
    assert memory.get(KEY) is None


def test_the_secret_stays_the_same_and_is_for_the_user_alone(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    made = default_secret(environ)
    assert made == default_secret(environ)
    assert (tmp_path / "mythos/coherence.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damaged", [b"", b"short"])
def test_a_damaged_secret_is_replaced(tmp_path: Path, damaged: bytes) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    default_secret(environ)
    (tmp_path / "mythos/coherence.key").write_bytes(damaged)
    made = default_secret(environ)
    assert len(made) == 32
    assert made == default_secret(environ)


def test_given_no_state_folder_then_there_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    environ = {"XDG_STATE_HOME": str(tmp_path / "file")}
    with pytest.raises(OSError, match=r"coherence\.key"):
        default_secret(environ)
