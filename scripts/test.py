"""Sets up the development environment, then runs every check: python scripts/test.py --help

Any Python from 2.7 on reads this file, as it does the three like it.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from local_swarm.python_version import require_python

require_python()

from checks import run_tests

if __name__ == "__main__":
    sys.exit(run_tests(sys.argv[1:]))
