"""Sets up the development environment, then says what ruff and mypy find: python scripts/lint.py"""

from __future__ import annotations

import sys

from checks import LINT, run

if __name__ == "__main__":
    sys.exit(run(LINT, keep=True))
