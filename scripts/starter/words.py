"""Random generators of the little things that lessons are filled with: names, files, and tokens that can only be copied."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

# Sentences: one way to say it, one line.
# fmt: off

NAME_PARTS = ["sum", "total", "count", "list", "get", "find", "make", "compute", "calc", "solve", "result", "value", "number", "even", "odd", "big", "small", "first", "last", "max", "min", "filter", "map", "keep", "pick", "select", "collect", "sort", "order", "unique", "square", "double", "cube", "word", "letter", "text", "string", "dict", "key", "entry", "data", "process", "run", "apply", "check", "has", "any", "all", "my", "new", "best", "top", "low", "high", "abs", "neg", "plus", "join", "reverse", "upper", "lower", "only", "from", "of", "by", "the", "to", "items", "scores", "names", "values", "answer", "helper", "task", "work", "do", "step"]

NOUNS = ["apple", "river", "stone", "garden", "window", "castle", "mountain", "forest", "orange", "silver", "copper", "tiger", "zebra", "rabbit", "falcon", "dolphin", "kettle", "ladder", "marble", "needle", "pencil", "rocket", "saddle", "temple", "violin", "walnut", "yellow", "anchor", "basket", "candle", "dragon", "engine", "feather", "guitar", "hammer", "island", "jacket", "kitten", "lantern", "magnet", "napkin", "oyster", "pepper", "quartz", "ribbon", "spider", "turtle", "umbrella", "velvet", "whistle", "cotton", "bridge", "harbor", "meadow", "planet", "signal", "thunder", "winter", "summer", "autumn"]

STEMS = ["notes", "secret", "readme", "config", "settings", "data", "report", "main", "test", "utils", "index", "hello", "story", "todo", "list", "log", "output", "input", "sample", "example", "users", "orders", "server", "client", "app", "setup", "build", "version", "license", "changes", "answer", "question", "message", "letter", "diary", "plan", "budget", "recipe", "password", "token", "key", "word"]

SUFFIXES = ("txt", "md", "py", "json", "yaml", "csv", "toml", "log", "ini", "cfg", "js", "html")


def function_name(random: Random, about: Sequence[str] = ()) -> str:
    """A name as people choose one; `about` are words for what the function does."""
    kind = random.random()
    if kind < 0.3:
        return "solve"
    if kind < 0.45:
        return random.choice(("f", "g", "func", "compute", "calculate", "answer", "process", "transform", "foo"))
    if kind < 0.75 and len(about) > 1:
        return "_".join(random.sample(about, min(len(about), random.choice((2, 2, 3)))))
    return "_".join(random.choice(NAME_PARTS) for _ in range(random.choice((2, 2, 3, 3, 4))))


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
