"""Files are put in their place whole or not at all, and nobody reads them who might not before."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from local_swarm.places import PRIVATE, keep

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps no such modes and lets few make links.")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_comes_with_its_folders_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "kept.json"
    keep(path, "one\n")
    keep(path, "zwei ü\n")
    assert path.read_text(encoding="utf-8") == "zwei ü\n" and list(path.parent.iterdir()) == [path]


def test_what_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    keep(path, "old")
    with pytest.raises(UnicodeEncodeError):
        keep(path, "new \ud800")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        keep(tmp_path / "folder", "new")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder", "kept"]


@posix
def test_what_was_private_stays_private(tmp_path: Path) -> None:
    keep(tmp_path / "secret", "x", PRIVATE)
    assert mode(tmp_path / "secret") == 0o600
    (tmp_path / "shut").write_text("x")
    (tmp_path / "shut").chmod(0o600)
    keep(tmp_path / "shut", "y")
    assert mode(tmp_path / "shut") == 0o600
    (tmp_path / "open").write_text("x")
    keep(tmp_path / "open", "y", PRIVATE)
    assert mode(tmp_path / "open") == 0o600


@posix
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    keep(tmp_path / "link", "y")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "y"


@posix
def test_what_is_not_to_be_written_is_not(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everything")
    (tmp_path / "kept").write_text("x")
    (tmp_path / "kept").chmod(0o400)
    with pytest.raises(PermissionError):
        keep(tmp_path / "kept", "y")
    assert (tmp_path / "kept").read_text() == "x" and len(list(tmp_path.iterdir())) == 1
