#!/data/data/com.termux/files/usr/bin/sh
# A thin door for Android: Termux's own packages for what would take long to build, then the same set-up as everywhere.
set -eu
cd "$(dirname "$0")/.."
pkg install -y python python-numpy python-psutil python-cryptography python-pydantic-core python-rpds-py clang cmake ninja
exec python main.py setup "$@"
