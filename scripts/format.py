"""Formats every file, and mends what ruff can mend by itself: python scripts/format.py"""

from __future__ import annotations

import sys

from checks import run

if __name__ == "__main__":
    sys.exit(run((("ruff", "check", "--fix-only", "."), ("ruff", "format", ".")), keep=True))
