"""A task in, a coding question as people ask it out, with its answer."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from starter.specials import SPECIALS
from starter.tasks import Task, task
from starter.words import function_name

Message = dict[str, object]
Conversation = list[Message]  # ends with the assistant's turn; `tools` ride on the first message


# Sentences: one way to say it, one line.
# fmt: off


def fenced(code: str, before: str = "", after: str = "") -> str:
    head, tail = (before + "\n\n" if before else ""), ("\n\n" + after if after else "")
    return f"{head}```python\n{code}\n```{tail}"


def ask(made: Task, name: str, random: Random) -> tuple[str, str]:
    """(The question, the name that the answer's function must have)."""
    call, given, wanted = f"{name}({', '.join(made.arguments)})", made.given, made.wanted
    if random.random() < 0.15:
        wanted = wanted.removeprefix("the ").removeprefix("a ")
    steps = made.steps[0].lower() + made.steps[1:].rstrip(".")
    python = random.choice(("Python ", "Python ", "python ", ""))
    named: tuple[str, ...] = (
        f"Write a {python}function {call} that returns {wanted}.",
        f"Write a {python}function {call} that returns {wanted}.",
        f"Write a {python}function `{call}` returning {wanted}.",
        f"Write {call} that returns {wanted}.",
        f"Implement {call} returning {wanted}.",
        f"Implement a {python}function {call} that returns {wanted}.",
        f"Implement {call}. It should return {wanted}.",
        f"I need a function named {name}: given {given}, return {wanted}.",
        f"I need a {python}function called {name} that takes {given} and returns {wanted}.",
        f"Define {call} so that it returns {wanted}.",
        f"Define a function {name} that takes {given} and returns {wanted}.",
        f"Please write a {python}function {call} which returns {wanted}.",
        f"Please give me {call} returning {wanted}.",
        f"Create a function {name} that, given {given}, returns {wanted}.",
        f"Given {given}, write a function {name} that returns {wanted}.",
        f"Can you write a {python}function {call} that gives {wanted}?",
        f"{call} should return {wanted}. Write it.",
        f"Write {call}: {steps}.",
        f"Write a {python}function {name} that does this: {steps}.",
        f"Write a function named {name} that takes {given} called {made.arguments[0]} and returns {wanted}.",
        f"Write {python}code for {call}, which returns {wanted}.",
        f"In Python, write {call} to compute {wanted}.",
        f"Please implement the function {call}: return {wanted}.",
        f"{call}: {wanted}",
        f"Complete this function:\n```python\ndef {call}:\n    \"\"\"Return {wanted}.\"\"\"\n```",
        f"def {call}:\n    \"\"\"Return {wanted}.\"\"\"\n",
    )
    nameless: tuple[str, ...] = (
        f"Write a {python}function that returns {wanted}.",
        f"Write a function that takes {given} and returns {wanted}.",
        f"How do I get {wanted} in Python?",
        f"Given {given}, return {wanted}.",
        f"A function for {wanted}, please.",
    )
    if random.random() < 0.12:
        return random.choice(nameless), "solve"
    return random.choice(named), name


def example(made: Task, name: str, random: Random) -> str:
    """A true example of the task, as people append it to a question; empty where the call is long."""
    namespace: dict[str, Callable[..., object]] = {}
    exec(made.code("reference"), namespace)
    shown = random.choice(made.inputs)
    result = repr(eval(f"reference({shown})", dict(namespace)))
    if len(shown) + len(result) > 60:
        return ""
    ways = (f"\nExample: {name}({shown}) -> {result}", f"\nFor example, {name}({shown}) should return {result}.", f"\n>>> {name}({shown})\n{result}", f"\nassert {name}({shown}) == {result}")
    return random.choice(ways)


def coding(random: Random, held_out: bool = False) -> tuple[Conversation, Task, str]:
    """A coding question and its answer, with the task and the function's name for measuring."""
    made = task(random, held_out)
    question, name = ask(made, function_name(random, made.words), random)
    if random.random() < 0.12:
        question += example(made, name, random)
    only_code = random.random() < 0.06
    if only_code:
        question += random.choice((" Answer with code only.", " Only code, please.", " Reply with just the code.", " No explanation."))
    style = 0 if random.random() < 0.6 else random.randrange(len(made.bodies))
    code = made.code(name, style)
    answer = fenced(code, made.steps) if random.random() < 0.5 and not only_code else fenced(code)
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}], made, name


def special(random: Random) -> Conversation:
    name, arguments, ways, body = random.choice(SPECIALS)
    wanted = random.choice(ways)
    asked = random.choice((name, name, function_name(random)))
    python = random.choice(("Python ", "python ", ""))
    question, used = random.choice((
        (f"Write a {python}function that {wanted}.", name),
        (f"Write a {python}function {asked}({arguments}) that {wanted}.", asked),
        (f"Implement {asked}({arguments}): it {wanted}.", asked),
        (f"I need a function named {asked} that {wanted}.", asked),
        (f"Write {name} in Python.", name),
        (f"Can you write a function that {wanted}?", name),
    ))
    lines = "\n".join("    " + line for line in body.split("\n"))
    return [{"role": "user", "content": question}, {"role": "assistant", "content": fenced(f"def {used}({arguments}):\n{lines}")}]


def sums(random: Random) -> Conversation:
    a, b = random.randint(0, 99), random.randint(0, 99)
    sign, word, result = random.choice((("+", "plus", a + b), ("-", "minus", a - b)))
    question = random.choice((f"What is {a} {sign} {b}?", f"{a} {sign} {b}", f"Compute {a} {sign} {b}.", f"What is {a} {word} {b}?", f"How much is {a} {sign} {b}?"))
    return [{"role": "user", "content": question}, {"role": "assistant", "content": f"{a} {sign} {b} = {result}"}]
