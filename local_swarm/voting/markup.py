"""A reply as a model wrote it in, its blocks of code and its prose out. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from local_swarm.voting.scanner import MOST_TEXT, fences

MOST_BLOCKS = 12


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A block of code. `tag`: the first word of what stands behind the fence, in small letters, which is all of `info`;
    `lead`: the last line of prose before it; `closed`: whether its fence is."""

    body: str
    tag: str = ""
    info: str = ""
    lead: str = ""
    closed: bool = True


@dataclass(frozen=True, slots=True)
class ReplyDocument:
    """A reply without its thoughts and with plain line ends. `prose` is `text` without the blocks of code, their places left
    as empty lines."""

    text: str
    blocks: tuple[CodeBlock, ...] = ()
    prose: str = ""


def document(reply: str) -> ReplyDocument:
    text = reply[:MOST_TEXT].replace("\r\n", "\n")
    blocks = tuple(CodeBlock(body, tag.lower(), tag) for tag, body in fences(text)[:MOST_BLOCKS])
    return ReplyDocument(text, blocks, "" if blocks else text)
