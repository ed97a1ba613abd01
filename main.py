"""Sets up what this machine needs, once, then runs Local Swarm: `python main.py --help`.

Any Python from 2.7 on reads this file, so that an old one gets a sentence and no traceback.
"""

from local_swarm.python_version import require_python

require_python()

from local_swarm.entry import run_main  # noqa: E402

if __name__ == "__main__":
    run_main()
