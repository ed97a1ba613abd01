"""Sets up the development environment, then says what ruff and mypy find: python scripts/lint.py"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from local_swarm.python_version import require_python

require_python()

from checks import LINT, run_script

if __name__ == "__main__":
    sys.exit(run_script(__doc__, LINT))
