"""Builds the source archive, and the wheel from it, into dist/: python scripts/build.py"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from local_swarm.python_version import require_python

require_python()

from checks import BUILD, run_script

if __name__ == "__main__":
    sys.exit(run_script(__doc__, BUILD))
