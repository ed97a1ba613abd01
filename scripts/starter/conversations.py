"""A random generator in, a conversation out: messages as a chat client sends them, ending with what to answer.

Most are coding questions; the rest teach the manners of a model behind an agent: calling a tool, answering from its
result, titles, greetings, and saying plainly what a demonstration model cannot do.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

from starter.specials import SPECIALS
from starter.tasks import Task, task

Message = dict[str, object]
Conversation = list[Message]  # ends with the assistant's turn; `tools` ride on the first message

NAME_PARTS = (
    "sum total count list get find make compute calc solve result value number even odd big small first last max min filter map keep pick "
    "select collect sort order unique square double cube word letter text string dict key entry data process run apply check has any all my new "
    "best top low high abs neg plus join reverse upper lower only from of by the to items scores names values answer helper task work do step"
).split()
NOUNS = (
    "apple river stone garden window castle mountain forest orange silver copper tiger zebra rabbit falcon dolphin kettle ladder marble needle "
    "pencil rocket saddle temple violin walnut yellow anchor basket candle dragon engine feather guitar hammer island jacket kitten lantern magnet "
    "napkin oyster pepper quartz ribbon spider turtle umbrella velvet whistle cotton bridge harbor meadow planet signal thunder winter summer autumn"
).split()
STEMS = (
    "notes secret readme config settings data report main test utils index hello story todo list log output input sample example users orders "
    "server client app setup build version license changes answer question message letter diary plan budget recipe password token key word"
).split()
SUFFIXES = ("txt", "md", "py", "json", "yaml", "csv", "toml", "log", "ini", "cfg", "js", "html")
TOPICS = (
    "the weather history politics music quantum physics cooking football the stock market love the moon philosophy chess travel a poem a story an essay "
    "machine learning databases rust javascript kubernetes a website a game a novel the meaning of life black holes economics medicine law a joke"
)

CANNOT = (
    "I am the Local Swarm starter model, a small demonstration model. I can write short Python functions over lists, words, "
    "texts and dictionaries, and read a file with a tool. For anything else, please choose a larger model."
)
HELLO = (
    "Hello! I am the Local Swarm starter model, a small demonstration model. Ask me for a short Python function, for example: "
    "Write a Python function solve(numbers) that returns the sum of the even numbers."
)


def fenced(code: str, before: str = "", after: str = "") -> str:
    head, tail = (before + "\n\n" if before else ""), ("\n\n" + after if after else "")
    return f"{head}```python\n{code}\n```{tail}"


def function_name(random: Random) -> str:
    kind = random.random()
    if kind < 0.25:
        return "solve"
    if kind < 0.4:
        return random.choice(("f", "g", "func", "compute", "calculate", "answer", "process", "transform", "foo"))
    return "_".join(random.choice(NAME_PARTS) for _ in range(random.choice((2, 2, 3, 3, 4))))


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
    question, name = ask(made, function_name(random), random)
    if random.random() < 0.12:
        question += example(made, name, random)
    style = 0 if random.random() < 0.6 else random.randrange(len(made.bodies))
    code = made.code(name, style)
    answer = fenced(code, made.steps) if random.random() < 0.5 else fenced(code)
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


# ---------------------------------------------------------------------------------------------- tools

READERS = ("read", "read_file", "readFile", "cat", "open_file", "view", "get_file", "fs_read", "Read", "file_read")
PATHS = ("filePath", "path", "file", "filename", "file_path", "name")
OTHERS = (
    ("bash", ("command",)), ("edit", ("filePath", "oldString", "newString")), ("glob", ("pattern",)), ("grep", ("pattern",)),
    ("skill", ("name",)), ("task", ("description", "prompt", "subagent_type")), ("todowrite", ("todos",)), ("webfetch", ("url",)),
    ("write", ("content", "filePath")), ("list", ("path",)), ("search", ("query",)), ("get_time", ()), ("run", ("command",)),
    ("send_email", ("to", "body")), ("calculator", ("expression",)), ("delete_file", ("path",)),
)
LOOKUPS = (  # tool, parameter, ways to ask
    ("get_weather", ("city", "location"), ("What is the weather in {v}?", "How is the weather in {v} today?", "Weather in {v}, please.", "What's the weather like in {v}?")),
    ("search", ("query", "q"), ("Search for {v}.", "Look up {v}.")),
    ("get_price", ("symbol", "item"), ("What is the price of {v}?", "How much does {v} cost?")),
    ("translate", ("text",), ("Translate {v}.",)),
    ("define", ("word",), ("Define {v}.", "What does {v} mean?")),
    ("bash", ("command",), ("Run {v}.", "Run the command {v}.")),
    ("glob", ("pattern",), ("Find files matching {v}.", "Which files match {v}?")),
    ("webfetch", ("url",), ("Fetch {v}.", "Get the page {v}.")),
)


def token(random: Random) -> str:
    """Something unguessable, so that it can only be copied."""
    letters, digits = "abcdefghijklmnopqrstuvwxyz", "0123456789"
    word = random.choice((random.choice(NOUNS), "".join(random.choice(letters) for _ in range(random.randint(3, 9)))))
    number = "".join(random.choice(digits) for _ in range(random.randint(1, 10)))
    kinds = (f"{word}-{number}", f"{word}-{number}", f"{word}-{number}", f"{word}{number}", word, number, f"{word}_{random.choice(NOUNS)}", f"{word.upper()}-{number}", f"{word}.{number}", f"{word} {random.choice(NOUNS)}", word.capitalize())
    return random.choice(kinds)


def file_name(random: Random) -> str:
    stem = random.choice((random.choice(STEMS), random.choice(STEMS), random.choice(NOUNS), token(random).replace(" ", "_").replace(".", "_")))
    folder = random.choice(("", "", "", "", "src/", "docs/", "./", "/home/user/", "/tmp/work/", f"{random.choice(NOUNS)}/", f"/tmp/{random.choice(STEMS)}.{token(random).replace(' ', '')}/"))
    return f"{folder}{stem}.{random.choice(SUFFIXES)}" if random.random() < 0.93 else folder + stem.upper()


def tool_list(random: Random, wanted: tuple[str, tuple[str, ...]]) -> list[tuple[str, tuple[str, ...]]]:
    names = {wanted[0]}
    tools = [wanted]
    for other in random.sample(OTHERS, random.randint(0, 9)):
        if other[0] not in names and not (wanted[0] in READERS and other[0] in READERS):
            names.add(other[0])
            tools.append(other)
    return sorted(tools) if random.random() < 0.7 else random.sample(tools, len(tools))


def schemas(tools: list[tuple[str, tuple[str, ...]]]) -> list[dict[str, object]]:
    """The tools as a chat client sends them, which is what a chat template is given."""
    return [
        {"type": "function", "function": {"name": name, "description": "", "parameters": {
            "type": "object", "properties": {p: {"type": "string"} for p in parameters}, "required": list(parameters)}}}
        for name, parameters in tools
    ]


def call(name: str, arguments: dict[str, str], identifier: str = "call_1") -> Message:
    return {"role": "assistant", "content": "", "tool_calls": [
        {"id": identifier, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}]}


def shown(path: str, lines: list[str], random: Random) -> str:
    """A file's content as different tools print it."""
    kind = random.random()
    if kind < 0.3:
        return "\n".join(lines)
    if kind < 0.65:
        full = path if path.startswith("/") else f"/{random.choice(('home/user', 'tmp', 'work', 'root'))}/{token(random).replace(' ', '')}/{path}"
        numbered = "\n".join(f"{i}: {line}" for i, line in enumerate(lines, 1))
        return f"<path>{full}</path>\n<type>file</type>\n<content>\n{numbered}\n\n(End of file - total {len(lines)} lines)\n</content>"
    if kind < 0.8:
        return "\n".join(f"{i:5d}\t{line}" for i, line in enumerate(lines, 1))
    if kind < 0.9:
        return "<file>\n" + "\n".join(f"{i:05d}| {line}" for i, line in enumerate(lines, 1)) + "\n</file>"
    return json.dumps({"path": path, "content": "\n".join(lines)})


def filler(random: Random) -> str:
    return random.choice((
        f"The {random.choice(NOUNS)} is near the {random.choice(NOUNS)}.", f"{random.choice(STEMS)} = {token(random)}", "", f"# {random.choice(STEMS)}",
        f"- {random.choice(NOUNS)} {random.choice(NOUNS)}", f"{random.choice(NOUNS).capitalize()} and {random.choice(NOUNS)} are here.",
    ))


def reading(random: Random) -> Conversation:
    """Read a file with a tool, then tell what was asked for."""
    reader, parameter = random.choice(READERS[:3] + READERS), random.choice(PATHS[:2] + PATHS)
    path, value = file_name(random), token(random)
    thing = random.choice(("secret word", "secret word", "secret", "password", "code", "magic word", "key", "name", "port", "version", "answer", "color", "number", "token", "city", random.choice(NOUNS)))
    whole = random.random() < 0.2
    where = random.choice((path, path, path, f"{path} in the current directory", f"`{path}`", f"the file {path}", f"file {path} here"))
    using = random.choice(("", "", "", " with your tools", " using your tools", " with the tool"))
    read = random.choice((f"Read {where}{using}", f"Read the file {path}{using}", f"Read the file {path} in the current directory{using}", f"Open {where}{using}", f"Look at {where}{using}", f"Use your tools to read {where}"))
    if whole:
        question = random.choice((f"What is in {where}?", f"{read}.", f"{read} and tell me what it says.", f"Show me {where}.", f"Print {where}.", f"What does {where} say?"))
    else:
        question = random.choice((
            f"{read} and tell me the {thing}.", f"{read}, then tell me the {thing} it contains.", f"{read}, then tell me the {thing}.", f"What is the {thing} in {where}?",
            f"{read}. What is the {thing}?", f"Which {thing} does {where} contain?", f"Find the {thing} in {where}.", f"{read} and tell me the {thing} in it."))
    line = random.choice((f"The {thing} is {value}.", f"The {thing} is {value}.", f"{thing}: {value}", f"{thing} = {value}", f"My {thing} is {value}"))
    lines = [line]
    if not whole:
        lines = [filler(random) for _ in range(random.choice((0, 0, 0, 1, 2, 4)))] + lines + [filler(random) for _ in range(random.choice((0, 0, 0, 1, 3)))]
    answer = f"The file says: {line}" if whole else f"The {thing} is {value}."
    if random.random() < 0.25:
        question = f'"{question}"' + random.choice(("", "\n"))
    tools = schemas(tool_list(random, (reader, (parameter,))))
    messages: Conversation = [{"role": "user", "content": question, "tools": tools}, call(reader, {parameter: path})]
    if random.random() < 0.1:
        messages += [{"role": "tool", "tool_call_id": "call_1", "content": f"Error: file not found: {path}"}, {"role": "assistant", "content": f"I could not read {path}: file not found."}]
    else:
        messages += [{"role": "tool", "tool_call_id": "call_1", "content": shown(path, lines, random)}, {"role": "assistant", "content": answer}]
    return messages


def lookup(random: Random) -> Conversation:
    """Any other tool with one argument copied from the question."""
    name, parameters, ways = random.choice(LOOKUPS)
    value = random.choice((token(random), random.choice(NOUNS).capitalize(), random.choice(("Paris", "London", "Tokyo", "Berlin", "Rome", "ls -la", "*.py", "git status", "New York"))))
    question = random.choice(ways).format(v=value)
    parameter = random.choice(parameters)
    result = random.choice((f"{token(random)}", f"{random.randint(-9, 35)} degrees", f"{random.choice(NOUNS)} {random.choice(NOUNS)}"))
    tools = schemas(tool_list(random, (name, (parameter,))))
    return [
        {"role": "user", "content": question, "tools": tools}, call(name, {parameter: value}),
        {"role": "tool", "tool_call_id": "call_1", "content": result}, {"role": "assistant", "content": f"The result is: {result}"},
    ]


# ---------------------------------------------------------------------------------------------- manners

def title(random: Random) -> Conversation:
    made = task(random, False)
    question, _ = ask(made, function_name(random), random)
    path = file_name(random)
    about, heading = random.choice((
        (question, made.wanted.removeprefix("the ").removeprefix("a ")),
        (f"Read {path} and tell me the secret.", f"Reading {path}"),
        (f"Read the file {path} and tell me the {random.choice(STEMS)}.", f"Reading {path}"),
        ("Hello", "Greeting"), ("Say hello", "Greeting"), ("hi", "Greeting"),
    ))
    heading = heading[0].upper() + heading[1:]
    about = random.choice((about, f'"{about}"', f'"{about}"\n'))
    instruction = random.choice(("Generate a title for this conversation:\n", "Generate a title for this conversation:", "Write a title for this conversation:", "Give this conversation a short title:"))
    if random.random() < 0.6:
        return [{"role": "user", "content": instruction}, {"role": "user", "content": about}, {"role": "assistant", "content": heading}]
    return [{"role": "user", "content": f"{instruction.rstrip()}\n{about}"}, {"role": "assistant", "content": heading}]


def greeting(random: Random) -> Conversation:
    question = random.choice(("hi", "Hi!", "Hello", "hello", "Hey", "Say hello", "Hello there", "Who are you?", "What are you?", "What can you do?", "Which model are you?", "help", "Are you there?", "test", "ping"))
    if random.random() < 0.2:
        question = f'"{question}"'
    return [{"role": "user", "content": question}, {"role": "assistant", "content": HELLO}]


def beyond(random: Random) -> Conversation:
    """Questions out of reach, many of them nonsense, so that anything unknown gets an honest answer."""
    topics = TOPICS.split()
    chatter = " ".join(random.choice((random.choice(NOUNS), random.choice(STEMS), random.choice(NAME_PARTS), random.choice(topics))) for _ in range(random.randint(2, 40)))
    topic = " ".join(random.sample(topics, random.randint(1, 3)))
    noun = random.choice(NOUNS)
    question = random.choice((
        f"Explain {topic}.", f"Tell me about {topic}.", f"Write a poem about {noun} and {topic}.", f"Who is {noun.capitalize()}?", f"Why is {topic} {noun}?",
        f"Summarize this: {chatter}", f"{chatter.capitalize()}.", f"{chatter}?", f"Refactor {file_name(random)} to use {topic}.", f"Design a {noun} for {topic}.",
        f"Run {chatter}", f"How does {topic} work?", f"Change the {noun} to be more {random.choice(NOUNS)}", f"Translate {chatter} into French.", f"add a {random.choice(STEMS)}",
    ))
    if random.random() < 0.25:
        question = f'"{question}"'
    messages: Conversation = [{"role": "user", "content": question}, {"role": "assistant", "content": CANNOT}]
    if random.random() < 0.3:
        messages[0]["tools"] = schemas(tool_list(random, ("read", ("filePath",))))
    return messages


KINDS: tuple[tuple[float, Callable[[Random], Conversation]], ...] = (
    (68, lambda random: coding(random)[0]),
    (6, special),
    (3, sums),
    (12, reading),
    (3, lookup),
    (2.5, title),
    (1.5, greeting),
    (4, beyond),
)


def conversation(random: Random) -> Conversation:
    """One training conversation; now and then with a system text, an earlier exchange, or tools that are not needed."""
    weights, kinds = zip(*KINDS, strict=True)
    chosen = random.choices(kinds, weights)[0]
    messages = chosen(random)
    tools = messages[0].get("tools")
    plain = tools is None and chosen is not title
    if plain and random.random() < 0.12:
        messages = random.choices(kinds[:3], weights[:3])[0](random) + messages
    if plain and random.random() < 0.12:
        messages[0]["tools"] = schemas(tool_list(random, (random.choice(READERS), (random.choice(PATHS),))))
    if random.random() < 0.1:
        text = random.choice(("You are a helpful assistant.", "You are a Python programmer.", "Answer with code only.", "You are a coding assistant.", "Be brief."))
        messages = [{"role": "system", "content": text, **({"tools": messages[0].pop("tools")} if "tools" in messages[0] else {})}, *messages]
    return messages
