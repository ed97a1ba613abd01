#!/bin/sh
# A thin door: finds a Python that is new enough and lets it set everything up.
set -eu
cd "$(dirname "$0")/.."
for python in python3.13 python3.12 python3.11 python3 python; do
    if command -v "$python" >/dev/null 2>&1 && "$python" -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null; then
        exec "$python" main.py setup "$@"
    fi
done
echo "error: Local Swarm needs Python 3.11 or newer. See https://www.python.org/downloads/" >&2
exit 2
