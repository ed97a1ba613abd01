"""A folder, a program and its arguments in; it runs there until it ends or standard input does. Started by `process.supervisor`.

Programs that are not ours would outlive a daemon that is killed. This one sees its input close, on any system, and ends
them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading

GRACE_S = 3.0


def main() -> int:
    os.dup2(2, 1)  # what the program prints is no report of ours
    process = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, cwd=sys.argv[1])
    threading.Thread(target=end_when_closed, args=(process,), daemon=True).start()
    code = process.wait()
    return code if 0 <= code < 256 else 1


def end_when_closed(process: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1 << 16):
        pass
    process.terminate()
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()


if __name__ == "__main__":
    sys.exit(main())
