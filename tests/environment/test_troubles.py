"""What installers really print when something is missing, and the sentence that people get for it."""

from __future__ import annotations

import io

import pytest

from local_swarm.environment.pip_errors import explain
from local_swarm.environment.progress import SetupProgress, describe


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
            "cannot be reached",
        ),
        ("c++: fatal error: Killed signal terminated program cc1plus\nninja: build stopped", "Memory ran out"),
        ("ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/x'", "rights"),
        (
            "ERROR: Could not find a version that satisfies x\nERROR: No matching distribution found for torch==2.13.0",
            "no torch==2.13.0",
        ),
        ("line\nerror: something odd happened\nmore", "something odd happened"),
        ("", "no reason given"),
    ],
)
def test_each_trouble_has_its_remedy(printed: str, words: str) -> None:
    sentence = explain(printed, "the-command", "/the/log")
    assert words in sentence and "\n" not in sentence


def test_a_compilers_count_is_a_bar_with_the_time_left() -> None:
    assert describe("[21/83] Building CXX object ggml", 30.0) == "[########......................]  25%  1:28 left"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("Collecting numpy>=2.0", "collecting numpy>=2.0"),
        ("  Downloading https://host/path/numpy-2.4.whl (15 MB)", "downloading numpy-2.4.whl"),
        ("Installing collected packages: a, b, c", "installing"),
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
