"""What installers really print when something is missing, and the sentence that people get for it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from local_swarm.environment.pip_errors import Scene, explain
from local_swarm.environment.progress import SetupProgress, describe
from local_swarm.environment.venv import full_place


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        (
            "The virtual environment was not created successfully because ensurepip is not available.  On Debian/Ubuntu",
            "apt-get install python3",
        ),
        ("/usr/bin/python3: No module named venv", "venv"),
        (
            "CMake Error at CMakeLists.txt:3:\n  No CMAKE_CXX_COMPILER could be found.\nerror: CMake configuration failed",
            "C++ compiler. Install one and run this again: the-command",
        ),
        (
            "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError: Failed to establish a "
            "new connection: [Errno -3] Temporary failure in name resolution': /simple/numpy/\n"
            "ERROR: No matching distribution found for numpy",
            "the index says why",
        ),
        ("c++: fatal error: Killed signal terminated program cc1plus\nninja: build stopped", "Memory ran out"),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/x'",
            "right to this folder",
        ),
        ("OSError: [Errno 122] Disk quota exceeded", "your share of it"),
        ("ERROR: OSError: [Errno 24] Too many open files: '/x/y'", "ulimit -n"),
        ("error: could not create '/x/.venv': [Errno 30] Read-only file system: '/x/.venv'", "may only be read"),
        ("error: can't find Rust compiler", "rustup"),
        ("error: command '/usr/bin/gcc' failed: No such file or directory", "C++ compiler"),
        ("error: Microsoft Visual C++ 14.0 or greater is required. Get it with", "C++ compiler"),
        ("ended by signal 9", "Memory ran out"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "pip cache purge"),
        ("ERROR: ResolutionImpossible: for help visit https://pip.pypa.io", "PIP_CONSTRAINT"),
        (
            "Configuration file could not be loaded.\nFile contains no section headers.\nfile: 'pip.conf', line: 1",
            "pip.conf",
        ),
        (
            "WARNING: pip is configured with locations that require TLS/SSL, however the ssl module in Python is not available.",
            "TLS",
        ),
        (
            "ERROR: Could not install packages due to an OSError: Missing dependencies for SOCKS support.",
            "the index says why",
        ),
        (
            "ERROR: Could not find a version that satisfies the requirement x (from versions: none)",
            "the index says why",
        ),
        (
            "    return input(message)\n  File 'misc.py', in ask_input\nEOFError: EOF when reading a line",
            "the index says why",
        ),
        ("line\nerror: something odd happened\nmore", "something odd happened"),
        ("", "no reason given"),
    ],
)
def test_each_trouble_has_its_remedy(printed: str, words: str) -> None:
    sentence = explain(printed, Scene("the-command", "/the/log", ask_index=lambda: "the index says why"))
    assert words in sentence and "\n" not in sentence


def test_what_an_index_that_answers_does_not_have_is_named() -> None:
    printed = (
        "ERROR: Could not find a version that satisfies x\nERROR: No matching distribution found for torch==2.13.0"
    )
    assert "no torch==2.13.0" in explain(printed, Scene())
    assert "answers now" in explain("ReadTimeoutError: Read timed out. Max retries exceeded", Scene())


def test_a_full_disk_is_named_by_the_folder_that_it_holds(tmp_path: Path) -> None:
    printed = "[Errno 28] No space left on device"
    assert "/tmp is full" in explain(printed, Scene(no_room="/tmp"))
    assert full_place([tmp_path / "not there", tmp_path]) in ("", str(tmp_path))


def test_a_compilers_count_is_a_bar_with_the_time_left() -> None:
    assert describe("[21/83] Building CXX object ggml", 30.0) == "[########......................]  25%  1:28 left"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("Collecting numpy>=2.0", "collecting numpy>=2.0"),
        ("  Downloading https://host/path/numpy-2.4.whl (15 MB)", "downloading numpy-2.4.whl"),
        ("Installing collected packages: a, b, c", "installing"),
        ("  Preparing metadata (pyproject.toml): started", "preparing"),
        ("[1/3] tiny count", ""),
        ("anything else", ""),
    ],
)
def test_other_lines_say_what_is_done_or_nothing(line: str, text: str) -> None:
    assert describe(line, 10.0) == text


def test_without_a_terminal_lines_are_few_and_whole() -> None:
    out = io.StringIO()
    progress = SetupProgress(out)
    progress.step("[1/3] Begin")
    for done in range(1, 80):
        progress.feed(f"[{done}/80] Building")
    progress.clear()
    assert out.getvalue() == "[1/3] Begin\n"
