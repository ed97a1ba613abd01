"""A model's raw words in, the same without its thoughts and without turns that it wrote for others out. Pure and linear.

Engines that know a model's template part thoughts from words themselves. Others hand on what was written: with the thoughts
opened or, where the prompt had opened them, only ended; in the marks of whatever model it is. A mark that is quoted is spoken of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

TAGS = (
    "think|thinking|thought|thoughts|thought_process|reasoning|reason|reflection|scratchpad|analysis|inner_monologue|monologue"
    "|seed:think|mm:think|longcat_think|ng_think|internal|rationale"
)
BEGIN = (
    rf"<(?=[|\w])(?:(?:{TAGS})>|\|(?:START_THINKING|begin_of_thought)\|>|\|channel>thought\b"
    r"|(?:\|start\|>assistant<)?\|channel\|>(?:analysis|commentary)<\|message\|>)|\[THINK\]|◁think▷"
)
END = (
    rf"<(?=[|/c])(?:/(?:{TAGS})>|\|(?:END_THINKING|end_of_thought)\|>|channel\|>"
    r"|(?:\|end\|><)?(?:\|start\|>assistant<)?\|channel\|>final(?: <\|constrain\|>\w+)?<\|message\|>)|\[/THINK\]|◁/think▷"
)
MARK = re.compile(rf"(?:(?P<opens>{BEGIN})|(?P<closes>{END}))(?![\"'\\]|`(?!``))", re.IGNORECASE)
QUOTES = "\"'`"
# Of models that say so in words, or whose marks were not printed.
WORDED = re.compile(
    r"\s*+(?:Here(?:'s| is) my thought process:.*?\bHere(?:'s| is) my response:|analysis(?=[A-Z\s]).*?assistantfinal)",
    re.DOTALL,
)
AROUND_ANSWER = re.compile(r"<\|(?:begin_of_solution|end_of_solution|START_RESPONSE|END_RESPONSE|return)\|>")
TURN_ENDS = re.compile(
    r"(?:</s>|<\|(?:im_end|im_start|eot_id|eom_id|endoftext|end_of_text|end|eos|user|assistant|END_OF_TURN_TOKEN)\|>"
    r"|<end_of_turn>|<start_of_turn>|<eos>|<｜end▁of▁sentence｜>)[ \t]*+(?=\n|$|<)"
)
FENCE = re.compile(r"^[ \t>]*+(?:`{3,}+|~{3,}+)", re.MULTILINE)


def without_thoughts(text: str) -> str:
    """What stands outside of thoughts; nothing of what comes before an end of them that was not begun. Nothing where they never
    end, but for words before them."""
    worded = WORDED.match(text)
    text = AROUND_ANSWER.sub("", text[worded.end() :] if worded else text)
    kept, start, thinking = list[str](), 0, False
    for mark in MARK.finditer(text):
        if mark.start() and text[mark.start() - 1] in QUOTES:
            continue
        if mark["opens"] and not thinking:
            kept.append(text[start : mark.start()])
            thinking, start = True, mark.start()
        elif mark["closes"]:
            kept = kept if thinking else []
            thinking, start = False, mark.end()
    said = "".join(kept)
    return said + text[start:] if not thinking or said.strip() else ""


def own_turn(text: str) -> str:
    """Up to the first end of the model's turn that stands in no block of code that is closed behind it."""
    for end in turn_ends(text):
        return text[:end]
    return text


def turn_ends(text: str) -> Iterator[int]:
    fences = [found.start() for found in FENCE.finditer(text)]
    before = 0
    for found in TURN_ENDS.finditer(text):
        while before < len(fences) and fences[before] < found.start():
            before += 1
        if before % 2 == 0 or before == len(fences):
            yield found.start()
