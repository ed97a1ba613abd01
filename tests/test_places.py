"""Files are put in their place whole or not at all, and nobody reads them who might not before."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_swarm.cli.banner import without_token
from local_swarm.mcp_server.proxy import open_emptied
from local_swarm.paths import PRIVATE, home, keep, make_folder, tighten

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


# ------------------------------------------------------------------------------------------------ the home


@pytest.fixture(params=[0o022, 0o000, 0o077])
def mask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOCAL_SWARM_HOME", str(tmp_path / "deep" / "home"))
    return home()


@posix
def test_what_is_made_in_the_home_is_for_its_owner_alone(own: Path, mask: int) -> None:
    keep(own / "network" / "kept.json", "x")
    make_folder(own / "models" / ".downloads")
    with open_emptied(own / "logs" / "daemon.log") as log:
        log.write(b"x")
    made = [own, *own.rglob("*")]
    assert {mode(one) for one in made if one.is_dir()} == {0o700}
    assert {mode(one) for one in made if one.is_file()} == {0o600} and len(made) == 7
    assert mode(own.parent) == 0o777 & ~mask


@posix
def test_elsewhere_files_are_as_the_user_has_them(own: Path, tmp_path: Path, mask: int) -> None:
    keep(tmp_path / "elsewhere" / "kept", "x")
    assert mode(tmp_path / "elsewhere" / "kept") == 0o666 & ~mask


@posix
def test_a_home_that_others_could_read_is_shut_and_what_is_not_ours_stays(own: Path, tmp_path: Path) -> None:
    (own / "logs").mkdir(parents=True)
    (own / "photos").mkdir()
    (tmp_path / "else.json").write_text("x")
    for name in ("reliability.json", "logs/daemon.log", "photos/one.json", "mine.jpg"):
        (own / name).write_text("x")
    (own / "link.json").symlink_to(tmp_path / "else.json")
    for one in (own, *own.rglob("*")):
        one.chmod(0o755 if one.is_dir() else 0o644)
    tighten()
    assert [mode(own / name) for name in (".", "logs", "photos")] == [0o700, 0o700, 0o755]
    assert [mode(own / name) for name in ("reliability.json", "logs/daemon.log", "photos/one.json", "mine.jpg")] == [
        0o600,
        0o600,
        0o644,
        0o644,
    ]
    assert mode(tmp_path / "else.json") == 0o644


@posix
def test_a_log_that_others_could_read_is_shut_when_it_is_begun_anew(own: Path) -> None:
    own.mkdir(parents=True)
    (own / "daemon.log").write_text("old")
    (own / "daemon.log").chmod(0o666)
    with open_emptied(own / "daemon.log"):
        assert mode(own / "daemon.log") == 0o600 and (own / "daemon.log").read_text() == ""


def test_a_home_that_is_not_there_is_no_trouble(own: Path) -> None:
    tighten()
    assert not own.exists()


def test_a_log_gets_the_pages_address_without_what_opens_it() -> None:
    said = without_token("http://127.0.0.1:8000/#secret")
    assert "http://127.0.0.1:8000/" in said and "secret" not in said and "key --page" in said
