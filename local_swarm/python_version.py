"""The Python that runs this in, nothing out where it is new enough, else a sentence. Any Python from 2.7 on reads this file."""

import os
import subprocess
import sys

OLDEST = (3, 11)
NEWEST_TRIED = 20  # the second number of the newest Python that is looked for
DOWNLOADS = "https://www.python.org/downloads/"
# A name alone proves little: some stand for nothing, or for an advertisement.
TRIAL = "import sys, venv; sys.exit(sys.version_info[:2] < (%d, %d))" % OLDEST


def require_python():
    # type: () -> None
    """Ends the program with a sentence where this Python is too old for it."""
    if sys.version_info[:2] < OLDEST:
        sys.exit(too_old("%d.%d.%d" % sys.version_info[:3], newer_python()))


def too_old(version, newer):
    # type: (str, str | None) -> str
    """`newer`: the command of a Python on this machine that is new enough."""
    need = "error: Local Swarm needs Python %d.%d or newer; this is %s (%s)." % (OLDEST + (version, sys.executable))
    if newer:
        return "%s This machine has one: type %s instead." % (need, newer)
    return "%s Get one: %s" % (need, DOWNLOADS)


def newer_python():
    # type: () -> str | None
    """The command of the newest that this machine has and that runs."""
    numbered = ["python3.%d" % minor for minor in range(NEWEST_TRIED, OLDEST[1] - 1, -1)]
    commands = ["py -3"] if os.name == "nt" else numbered + ["python3"]
    return next((command for command in commands if is_new_enough(command)), None)


def is_new_enough(command):
    # type: (str) -> bool
    with open(os.devnull, "w") as nowhere:
        try:
            return subprocess.call(command.split() + ["-c", TRIAL], stdout=nowhere, stderr=nowhere) == 0
        except OSError:
            return False
