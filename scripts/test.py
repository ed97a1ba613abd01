"""Sets up the development environment, then runs every check; with arguments, pytest alone with those.

`python scripts/test.py --quick` runs the tests that need no engine, daemon, browser, sandbox or network namespace.
"""

from __future__ import annotations

import sys

from checks import commands_for, run

if __name__ == "__main__":
    sys.exit(run(commands_for(sys.argv[1:]), keep="--quick" in sys.argv))
