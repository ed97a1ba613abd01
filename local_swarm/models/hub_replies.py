"""A reply's status, headers and first bytes in, what they are out: the file, a part of it, or something else. Pure.

Ranges and dates: RFC 9110, sections 10.2.3 and 14.4. Limits: draft-ietf-httpapi-ratelimit-headers. Pointers: git-lfs.com/spec."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from local_swarm.models.file_content import PACKED, PAGE, POINTER, decode_text, is_safetensors, recognize

GGUF = b"GGUF"
ENOUGH = 512  # bytes of a beginning that tell what it is
FEW = 16  # of them, which are no chance if all are zeros
WEIGHTS = (".gguf", ".safetensors")
PORTAL = "Is it the login page of this network or of its proxy? Open a web page in a browser and log in."
NO_WEIGHTS = re.compile(r"(?:text/html|application/(?:xhtml|xml|json|problem)|text/xml|multipart/)")
LONGEST_HEADER = 1000  # characters of it that are read
EPOCH_S = 1_000_000_000  # seconds beyond which a limit's reset is a date and no span


def wished_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a refusal asks to wait, in any of the ways in which servers say it; None where it does not. `now`: Unix time.

    `headers` in small letters."""
    told = headers.get("retry-after", "").strip()[:LONGEST_HEADER]
    if re.fullmatch(r"\d{1,12}(?:\.\d{1,9})?", told, re.ASCII):
        return float(told)
    if told:
        try:
            return max(0.0, parsedate_to_datetime(told).timestamp() - now)
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
    limits = headers.get("ratelimit", "")[:LONGEST_HEADER]
    if found := re.search(r";\s*r=0\s*;\s*t=(\d{1,12})", limits, re.ASCII):
        return float(found[1])
    reset = headers.get("ratelimit-reset") or headers.get("x-ratelimit-reset") or ""
    if found := re.fullmatch(r"\s*(\d{1,12})(?:\.\d*)?\s*", reset[:LONGEST_HEADER], re.ASCII):
        seconds = float(found[1])
        return max(0.0, seconds - now) if seconds > EPOCH_S else seconds
    return None


def place_of_body(status: int, headers: Mapping[str, str], begin: int, size: int) -> int:
    """The offset in a file of `size` bytes at which a body begins that was asked for from `begin` on: there, or before it.

    Raises ValueError with what the reply is instead, as the end of a sentence."""
    if (packed := headers.get("content-encoding", "identity").strip().lower()) not in ("identity", ""):
        raise ValueError(f"something compressed ({packed[:20]!r})")
    length = int(told) if (told := headers.get("content-length", "")).isascii() and told.isdigit() else None
    if status == 200:
        if length not in (None, size):
            raise ValueError(f"{length} bytes where the file has {size}")
        return 0
    found = re.fullmatch(
        r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", headers.get("content-range", "").strip(), re.ASCII
    )
    if found is None:
        raise ValueError("a part without saying which")
    first, last = int(found[1]), int(found[2])
    if found[3] not in ("*", str(size)):
        raise ValueError(f"a part of a file of {found[3]} bytes where the file has {size}")
    if first > begin or last < first or last >= size or length not in (None, last - first + 1):
        raise ValueError("another part of the file")
    return first


def is_other_type(name: str, content_type: str) -> bool:
    """Whether a file of this name never is of this type. Plain text is what simple servers call whatever they do not know."""
    known = content_type.strip().lower()[:LONGEST_HEADER]
    return (
        bool(NO_WEIGHTS.match(known)) if name.endswith(WEIGHTS) else known.startswith("text/html") and not is_page(name)
    )


def is_page(name: str) -> bool:
    return name.endswith((".html", ".htm", ".xml"))


def is_weights(name: str, head: bytes) -> bool:
    """Whether the beginning is one of the format that the name says. A format whose files begin anyhow has none."""
    if name.endswith(".gguf"):
        return head[:4] == GGUF[: len(head)]
    return name.endswith(".safetensors") and is_safetensors(head)


def something_else(name: str, head: bytes) -> str | None:
    """What begins in this way and is no file of that name, as the end of a sentence; None where nothing speaks against it."""
    if is_weights(name, head):
        return None
    if name.endswith(WEIGHTS):
        found = recognize(head)
        zeros = "nothing but zeros" if len(head) >= FEW and not any(head) else None
        return found.what if found else zeros
    text = decode_text(head) or ""
    page = text.startswith("<") and PAGE.search(text) is not None and not is_page(name)
    if page or head.startswith((POINTER, PACKED)):
        found = recognize(head)
        return found.what if found else None
    return None
