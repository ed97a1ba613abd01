"""What the sandbox's server, its template and its children say to each other: frames, and what became of a call. Imports nothing
of the project.
"""

from __future__ import annotations

import struct

REQUEST = struct.Struct("=cI")  # to the template: what it shall do, and to which child
LENGTH = struct.Struct("=I")  # before a text: its bytes

# An outcome is one of these: a value follows DEFINED, the name of a missing module UNKNOWN; else `!` and an exception's name.
DEFINED, LATE, UNKNOWN, DIED, TOO_MUCH = "=", "~", "?", "!Died", "!TooMuch"
LONGEST_OUTCOME = 1_000  # characters
MOST_LATE = 2  # calls out of time, after which no more of a program are tried
CPU_S = 3  # of one program with all its calls
CHUNK = 1 << 16  # bytes of one look into a pipe
