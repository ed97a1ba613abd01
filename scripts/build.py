"""Builds the source archive, and the wheel from it, into dist/: python scripts/build.py"""

from __future__ import annotations

import sys

from checks import BUILD, run

if __name__ == "__main__":
    sys.exit(run(BUILD, keep=True))
