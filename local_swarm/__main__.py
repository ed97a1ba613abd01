"""`python -m local_swarm`, which is `python main.py`. Any Python from 2.7 on reads this file."""

from local_swarm.python_version import require_python

require_python()

from local_swarm.entry import run_module  # noqa: E402

run_module()
