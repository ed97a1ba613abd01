"""The blocks of code of a reply in, those that answer out: not its use, its output or a counter-example. Pure.

The language is what parses, whatever a fence calls it. Blocks that define different things belong together; of two that define
the same the later one corrects the earlier.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from local_swarm.chat.python_source import parse
from local_swarm.voting.behaviour.program import definition
from local_swarm.voting.javascript.module import TAGS, javascript_module
from local_swarm.voting.markup import CodeBlock
from local_swarm.voting.other_languages import NAMES
from local_swarm.voting.question import PYTHON, Question, definitions
from local_swarm.voting.sound_code import javascript_in, python_in

VAGUE = frozenset(
    {
        "",
        "text",
        "txt",
        "plaintext",
        "plain",
        "code",
        "tool_code",
        "output",
        "none",
        "answer",
        "solution",
        "example",
        "snippet",
    }
)
CONTEXT = frozenset({"output", "text", "txt", "plaintext", "console-output", "stdout", "result", "log", "pycon"})
SHELL = frozenset(
    {"bash", "sh", "shell", "zsh", "console", "terminal", "shell-session", "shellscript", "cmd", "powershell", "ps"}
)
CHECKED = frozenset({"python", "javascript", "typescript"})  # in which a text is or is not
DATA = frozenset(
    {"json", "yaml", "yml", "toml", "xml", "csv", "ini", "diff", "patch", "html", "css", "http", "markdown", "md"}
)
COUNTER = re.compile(
    r"\b(?:mistake|wrong|incorrect(?:ly)?|bug(?:gy)?|broken|avoid|don'?t|do not|never|instead of|anti-?pattern|bad|pitfall|naive"
    r"|original|before|misses|forgets|ignores|does(?:n'?t| not) (?:handle|work|support|account|consider|cover|count)|only works"
    r"|your (?:code|version|function)|fails?|slow(?:er)?|inefficient|beware|trap|gotcha|flawed|faulty|counter-?example"
    r"|(?:common|frequent|typical|usual|classic) (?:error|slip)|misconception|falsch|fehler|erreur|incorrecto|错误)\b",
    re.IGNORECASE,
)
MENDS = re.compile(
    r"\b(?:correct(?:ed)?|fix(?:ed)?|right|better|instead|after|improved|final|updated)\b", re.IGNORECASE
)
USES = re.compile(
    r"\b(?:usage|example|test(?:s|ed|ing)?|call|try|use it|run it|check|verify|demo|prints?|output)\b", re.IGNORECASE
)
ALTERNATIVE = re.compile(
    r"^\W*+or\b|\balternat|\banother (?:way|option|approach|version|solution)\b|\boption (?:2|b|two)\b|\bequivalent"
    r"|\b(?:shorter|recursive|iterative|functional|one-?line(?:r)?)\b|\byou (?:can|could|may) also\b|\bvariant\b",
    re.IGNORECASE,
)
TESTS = re.compile(r"tests?(?:_|[A-Z]|$)|Tests?(?:[A-Z]|$)|\w*Tests?$")
COMMENT = re.compile(r"\s*+(?:#|//)([^\n]++)\n")
BLAMED = re.compile(
    r"(?:\W*+)(?:but\s++|however,?\s++)?(?:this|that|it|the above)\b[^.\n]{0,60}?"
    r"\b(?:wrong|incorrect|a mistake|a bug|broken|does(?:n't| not) work|won't work|will not work|fails)\b",
    re.IGNORECASE,
)
TYPED = re.compile(r"\s*+(?:\$|[\w.-]+@[\w.-]+:[^\n$#]{0,80}[$#])[ \t]++\S")
PROMPT = re.compile(r"^[ \t]*+(?:\$|%|>|❯|[\w.-]+@[\w.-]+:[^\n$#]{0,80}[$#])[ \t]++", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ReadBlock:
    """`language` as we call it; `defines`: names at its top."""

    body: str
    language: str
    defines: tuple[str, ...]
    lead: str
    trail: str

    @property
    def shunned(self) -> bool:
        """Whether it shows what not to do, as is said before it, behind it, or in a comment at its top."""
        comment = COMMENT.match(self.body)
        said = f"{self.lead} {comment[1] if comment else ''}"
        return (bool(COUNTER.search(said)) and not MENDS.search(said)) or bool(BLAMED.match(self.trail))

    @property
    def is_alternative(self) -> bool:
        return bool(ALTERNATIVE.search(self.lead)) and not MENDS.search(self.lead)

    def is_test(self, wanted: Collection[str]) -> bool:
        """Whether it defines tests alone."""
        return bool(self.defines) and all(TESTS.match(name) and name not in wanted for name in self.defines)


def read_block(block: CodeBlock, language_asked: str) -> ReadBlock:
    """Of a language that is asked for a block without a tag is thought to be one."""
    body = python_in(block.body) if block.tag not in DATA else block.body
    names = tuple(names_at_top(body))
    if block.tag in PYTHON or names:
        return ReadBlock(body, "python", names, block.lead, block.trail)
    script = None if block.tag in SHELL | {"json"} else javascript_in(block.body, block.tag)
    if script is not None or block.tag in TAGS:
        body = block.body if script is None else script
        module = javascript_module(body, block.tag)
        return ReadBlock(body, module.language, (*module.functions, *module.classes), block.lead, block.trail)
    if block.tag in SHELL or (block.tag in VAGUE and TYPED.match(block.body)):
        return ReadBlock(commands_in(block.body), "bash", (), block.lead, block.trail)
    language = NAMES.get(block.tag, block.tag)
    if block.tag in VAGUE:
        language = "" if block.tag in CONTEXT or language_asked in CHECKED else language_asked
    return ReadBlock(block.body, language, (), block.lead, block.trail)


def commands_in(body: str) -> str:
    """What was typed, without the signs that ask for it; not what came of it where some lines have such a sign."""
    if not PROMPT.search(body):
        return body
    kept, goes_on = list[str](), False
    for line in body.split("\n"):
        if goes_on or PROMPT.match(line):
            kept.append(line if goes_on else PROMPT.sub("", line))
            goes_on = line.endswith("\\")
    return "\n".join(kept)


def names_at_top(code: str) -> Iterator[str]:
    """What a Python program defines: functions and classes, and functions without a name that are given one."""
    tree = parse(code)
    for node in definitions(tree) if tree else ():
        name = getattr(node, "name", None)
        if isinstance(name, str):
            yield name
    if tree is not None:
        yield from (one for one in lambda_names(code) if definition(tree, one) is None)


def lambda_names(code: str) -> list[str]:
    return re.findall(r"^([A-Za-z_]\w*+)\s*+(?::[^=\n]++)?=\s*+(?:lambda\b|functools\.|partial\()", code, re.MULTILINE)


def answering_blocks(blocks: Sequence[CodeBlock], question: Question) -> list[ReadBlock]:
    """In order, all of one language; what is asked for is in the last of them that defines it."""
    asked = question.asked
    default = {"shell": "bash", "sql": "sql", "regex": "regex"}.get(asked.kind or "", asked.language)
    read = [read_block(block, default) for block in blocks]
    wanted = [name for name in (question.entry_point, asked.name, *asked.names) if name]
    own = chosen_language(read, wanted, asked.language or default)
    own = without_counter_examples(own)
    own = [one for one in own if not one.is_test(wanted)] or own
    own = without_other_versions(own)
    if any(one.defines for one in own):
        own = [one for one in own if one.defines or not uses(one, own)]
    return own


def chosen_language(read: Sequence[ReadBlock], wanted: Collection[str], language: str) -> list[ReadBlock]:
    """The blocks of the language of the block that defines what is wanted, that defines something, that is asked for, or that
    is no mere output or order to a shell; of equals the one with most to read."""

    def rank(one: ReadBlock) -> tuple[bool, bool, bool, bool, bool, int]:
        plain = one.language not in ("", "bash") and one.language not in DATA
        asked = bool(language) and one.language == language
        return (
            bool(set(one.defines) & set(wanted)),
            asked,
            bool(one.defines),
            plain,
            one.language != "",
            len(one.body),
        )

    if not read:
        return []
    best = max(read, key=rank)
    return [one for one in read if one.language == best.language]


def without_counter_examples(blocks: Sequence[ReadBlock]) -> list[ReadBlock]:
    """What shows how not to do it goes where another block does it; words before the only one may speak of something else."""
    done = {name for one in blocks if not one.shunned for name in one.defines}
    return [one for one in blocks if not one.shunned or not set(one.defines) <= done] or list(blocks)


def without_other_versions(blocks: Sequence[ReadBlock]) -> list[ReadBlock]:
    """Of those that define the same the last one, which corrects the others, but for what is told to be another way."""
    first = {name for one in blocks if not one.is_alternative for name in one.defines}
    kept: list[ReadBlock] = []
    for block in reversed(blocks):
        others = first if block.is_alternative else {name for one in kept for name in one.defines}
        if not block.defines or not set(block.defines) <= others:
            kept.insert(0, block)
    return kept


def uses(block: ReadBlock, others: Sequence[ReadBlock]) -> bool:
    """Whether it uses what others define, or is said to."""
    names = {name for one in others for name in one.defines}
    return bool(USES.search(block.lead)) or any(re.search(rf"\b{re.escape(name)}\b", block.body) for name in names)
