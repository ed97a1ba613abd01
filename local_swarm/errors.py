"""What can go wrong, as one tree. Each error is a sentence for a person and knows the HTTP status and exit code it means.

SwarmError
├── UsageError                  the command line or configuration asks for something that cannot be    (exit 2)
│   ├── UnknownModel
│   ├── BadModelFile          not a GGUF file, damaged, or of a kind the engine cannot run
│   └── DoesNotFit            more memory than there is
├── SetupFailed               the environment could not be made
├── ExtraMissing              an optional part of the program is not installed
├── EngineUnfit               the engine was built for another processor
├── EngineFailed              a defect of the engine's showed on one request
├── Overrun                   work on a foreign text went beyond its limits
├── DaemonAbsent              no swarm answers at this machine's port
├── DaemonRefused             one does, and says no
├── DownloadFailed            a file could not be fetched, or what came is not it
├── BadRequest                a client's mistake                                                      (400)
│   ├── ContextExceeded       the prompt is longer than the model can read
│   ├── SchemaUnfit           a JSON schema that cannot be enforced
│   ├── EndsEngine            a request by which the engine's process ended
│   ├── Unauthorized          a key is wanted and not given                                           (401)
│   ├── TooLarge              a request beyond what is read                                           (413)
│   ├── TooSlow               a request that does not come to its end                                 (408)
│   ├── ModelNotFound                                                                                 (404)
│   └── Forbidden             a Host or Origin that is not ours                                       (403)
├── PeerFault                 another machine did not do its part; the answer goes on without it
├── PairingFailed             two machines could not be made one swarm
└── Unavailable               try again later                                                         (503)
    ├── Starting
    ├── Busy
    └── EngineLost            the engine's process ended under the request
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import ClassVar

from local_swarm.commands import extra_command
from local_swarm.paths import within_home

ROOM = "Free some space and run this again."
RIGHTS = "Give yourself the right to it, or name another folder in LOCAL_SWARM_HOME."
# Faults of the machine by which any write may fail, and what its user does about each. Windows has no quota of this kind.
REMEDIES = {
    errno.ENOSPC: ROOM,
    getattr(errno, "EDQUOT", errno.ENOSPC): ROOM,
    errno.EFBIG: ROOM,
    errno.EROFS: RIGHTS,
    errno.EACCES: RIGHTS,
    errno.EPERM: RIGHTS,
    errno.ENOTDIR: "A file lies where a folder is needed. Move it away, or name another folder in LOCAL_SWARM_HOME.",
    errno.EEXIST: "A file lies where a folder is needed. Move it away, or name another folder in LOCAL_SWARM_HOME.",
    errno.EISDIR: "A folder lies where a file is needed. Move it away.",
    errno.ENOENT: "Make the folder, or name another in LOCAL_SWARM_HOME.",
    errno.ELOOP: "A link there leads to itself. Remove it.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.EMFILE: "Allow more open files and run this again, for example: ulimit -n 4096",
    errno.ENFILE: "Close other programs and run this again.",
    errno.ENOMEM: "Close other programs and run this again.",
    errno.EIO: "The disk may be damaged. Check it.",
}
# In the home these are the machine's faults as well. Elsewhere the program itself may be what is wrong.
OWN_OR_MACHINES = (errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG)


class SwarmError(Exception):
    """The root. `str()` of it is one sentence that says what happened and what to do."""

    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    kind: ClassVar[str] = "server_error"
    code: ClassVar[str | None] = None

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


class UsageError(SwarmError):
    exit_code = 2


class UnknownModel(UsageError):
    """No model of that name is known here."""


class BadModelFile(UsageError):
    """The file cannot be loaded as a model."""


class DoesNotFit(UsageError):
    """The wish needs more memory than this machine gives."""


class SetupFailed(SwarmError):
    """The environment could not be made."""


class ExtraMissing(SwarmError):
    """`fact` says what is not installed, without a full stop; `extra` is the extra of the package that brings it."""

    def __init__(self, extra: str, fact: str) -> None:
        super().__init__(f"{fact}. The extra {extra!r} brings it: {extra_command(extra)}")
        self.extra = extra


class EngineUnfit(SwarmError):
    """The engine's program does not run on this machine."""


class EngineFailed(SwarmError):
    """The engine raised an exception on one request and goes on with the others."""


class Overrun(SwarmError):
    """Work on a foreign text went beyond its limits, or ended its process. `why` completes "it ..."; `lasting`: it would do so
    again. Callers turn it into their own error."""

    def __init__(self, why: str, lasting: bool = False) -> None:
        super().__init__(f"The text could not be worked on: it {why}.")
        self.why, self.lasting = why, lasting


class DaemonAbsent(SwarmError):
    """Nobody answers at this machine's port, or nobody that speaks as a swarm does."""


class DaemonRefused(SwarmError):
    """The daemon's own words for what it does not do. `answered`: the HTTP status; `state`: the word for its health, if it told
    that."""

    def __init__(self, message: str, answered: int, state: str | None = None) -> None:
        super().__init__(message)
        self.answered, self.state = answered, state


class DownloadFailed(SwarmError):
    """A file could not be fetched whole and right. Nothing that is not stays under its name."""


class PeerFault(SwarmError):
    """A peer declined, was late, vanished or sent what it must not. `state` is the word for it in `nodes`."""

    status = 502
    code = "peer_fault"

    def __init__(self, message: str, state: str) -> None:
        super().__init__(message)
        self.state = state


class PairingFailed(SwarmError):
    """An invitation that is wrong, used up or out of date, or nobody there to accept it."""

    status = 409
    code = "pairing_failed"


class BadRequest(SwarmError):
    status = 400
    kind = "invalid_request_error"


class ContextExceeded(BadRequest):
    """The prompt does not fit. The wording is OpenAI's, which clients recognise."""

    code = "context_length_exceeded"

    def __init__(self, prompt_tokens: int, context: int) -> None:
        super().__init__(
            f"This model's maximum context length is {context} tokens. However, your messages resulted in "
            f"{prompt_tokens} tokens. Please reduce the length of the messages.",
            param="messages",
        )
        self.prompt_tokens = prompt_tokens
        self.context = context


class SchemaUnfit(BadRequest):
    """No grammar expresses the schema."""

    def __init__(self, why: str) -> None:
        super().__init__(f"This JSON schema cannot be enforced: {why}.", param="response_format")


class EndsEngine(BadRequest):
    """The engine's process ended by this very request."""

    code = "ends_engine"

    def __init__(self) -> None:
        super().__init__("The engine's process ended while it worked on this request, so it is not asked again.")


class Unauthorized(BadRequest):
    status = 401
    kind = "authentication_error"
    code = "invalid_api_key"


class TooLarge(BadRequest):
    status = 413
    code = "request_too_large"


class TooSlow(BadRequest):
    status = 408
    code = "request_timeout"


class ModelNotFound(BadRequest):
    status = 404
    code = "model_not_found"


class Forbidden(BadRequest):
    status = 403
    code = "forbidden"


class Unavailable(SwarmError):
    """`retry_after_s` is a hint for the client."""

    status = 503
    kind = "server_error"
    code = "unavailable"

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Starting(Unavailable):
    code = "starting"


class Busy(Unavailable):
    code = "busy"


class EngineLost(Unavailable):
    code = "engine_lost"


def is_machine_fault(problem: BaseException) -> bool:
    """Whether the machine refused what any program might ask for: there is no room, no right, no such folder."""
    if not isinstance(problem, OSError) or problem.errno not in REMEDIES:
        return False
    if problem.errno not in OWN_OR_MACHINES:
        return True
    try:
        return problem.filename is not None and within_home(Path(os.fsdecode(problem.filename)))
    except OSError:  # there is no home, which is the fault
        return True


def machine_fault(problem: OSError) -> str:
    """One sentence for what the system refused, and one for what to do about it where that is known."""
    what = f"{problem.filename} cannot be used: " if problem.filename else ""
    reason = (problem.strerror or str(problem) or type(problem).__name__).rstrip(".")
    remedy = REMEDIES.get(problem.errno or 0, "")
    return f"{what}{reason}. {remedy}".rstrip()
