from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.voting.asked import AskedKind, agreed_name, asked_of
from local_swarm.voting.question import question

MODULE = "```python\ndef area(r):\n    return 3 * r * r\n\ndef ring(a, b):\n    return area(a) - area(b)\n```\n"


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("Implement a function `heap_sort(values)` without using `sorted()`.", "heap_sort"),
        ("Write a Python function count_vowels(text) that returns how many vowels there are.", "count_vowels"),
        ("I need a function called slugify for titles.", "slugify"),
        ("Write a method `volume` for a cube.", "volume"),
        ("Create `top_three(scores)` in Python, please.", "top_three"),
        ("Write an async function load_all(urls) that uses the helper `load(url)`.", "load_all"),
        ("Write a javascript function answer() with no inputs.", "answer"),
        (f"{MODULE}Fix `area`, it is not exact enough.", "area"),
        (f"{MODULE}The function ring is wrong for a < b. Correct it.", "ring"),
        (f"{MODULE}Write a function `disc(r)` that calls `area`.", "disc"),
        ("def half(x):\n    '''Halves.'''\n", "half"),
    ],
)
def test_a_function_that_is_named_without_a_doubt_is_the_one_asked_for(prompt: str, name: str) -> None:
    assert question(prompt).entry_point == name


@pytest.mark.parametrize(
    "prompt",
    [
        "Write a Python function that reverses a list without calling `reversed()`.",
        "Write your own version of `min()`.",
        "Write a function like `zip()` for dictionaries.",
        "Write a function that logs instead of using `print(message)`.",
        "Create a function which (given a text) returns its length.",
        "Write a function to (a) parse and (b) format a date.",
        "We have `fetch_page(url)`. Write a function that counts the words of several pages.",
        "Write a Python class Timer with a method tick(self).",
        "Write a function similar to `range()`, please.",
        f"{MODULE}Explain this code.",
    ],
)
def test_what_is_only_spoken_of_is_not_asked_for(prompt: str) -> None:
    assert question(prompt).entry_point is None


def test_a_class_is_asked_for_by_its_name() -> None:
    asked = asked_of("Write a Python class Timer with a method tick(self) that counts.")
    assert (asked.kind, asked.sure, asked.name, asked.language) == ("class", True, "Timer", "python")
    begun = question("Solve it.\n```python\nclass Solution:\n    def climb(self, n: int) -> int:\n        \n```").asked
    assert (begun.kind, begun.name) == ("class", "Solution")


def test_of_names_that_may_be_asked_for_the_one_counts_that_most_programs_define() -> None:
    asked = asked_of("Some code, please: pages come by fetch(url), and crawl(start) goes through them all.")
    assert {"fetch", "crawl"} <= {*asked.names} and not asked.name
    assert agreed_name(asked.names, [{"crawl"}, {"crawl", "other"}, {"fetch"}]) == "crawl"
    assert agreed_name(asked.names, [{"crawl"}, {"walk"}]) is None


KINDS: list[tuple[str, AskedKind]] = [
    ("Write a program that reads two numbers from standard input and prints the larger one.", "program"),
    ("Read n from stdin. Print the n-th prime.", "program"),
    ("Write a Python script that renames all pictures in a folder.", "code"),
    ("Write a regex that matches dates like 2024-01-31.", "regex"),
    ("What is the regex for a hex colour?", "regex"),
    ("Write a SQL query that lists customers without orders.", "sql"),
    ("Give me a bash command that counts the lines of all text files.", "shell"),
    ("What is the command to list open ports?", "shell"),
    ("Return the complete updated file app.py with the port set to 8080.", "file"),
    ("Change the port in server.py. Answer with a unified diff.", "edit"),
    ("Rename foo to bar in src/main.py and reply with SEARCH/REPLACE blocks.", "edit"),
    ("What is the difference between a list and a tuple?", "prose"),
    ("How do I calculate the average of a column?", "prose"),
    ("How often should I water a cactus?", "prose"),
    ("Evaluate this essay for style: The cat sat.", "prose"),
    ("Please write a limerick about tea.", "prose"),
    ("Why is the sky blue?", "prose"),
    ("Can you explain recursion?", "prose"),
    ("Erkläre mir Rekursion.", "prose"),
    ("What is the difference between 12 and 5?", "number"),
    ("How much is 12% of 250?", "number"),
    ("What is 17 * 23?", "number"),
    ("Compute the sum of the first hundred integers.", "number"),
    ("A train covers 120 km in 2 hours. What is its average speed?", "number"),
    ("Tom has 3 apples and buys 4. How many apples has he? Explain your reasoning.", "number"),
    ("Wie viele Bundesländer hat Deutschland?", "number"),
    ("Combien de régions compte la France ?", "number"),
    ("¿Cuántos planetas hay?", "number"),
    ("一共有多少个苹果？", "number"),
    ("Is 97 a prime number?", "yes_no"),
    ("Decide whether this is spam (yes/no): win money now", "yes_no"),
    ("True or false: light is faster than sound.", "yes_no"),
    ("What is the capital of Peru?", "short"),
    ("Who wrote Faust?", "short"),
    ("In what year did Apollo 11 land?", "short"),
    ("Was ist die Hauptstadt von Österreich?", "short"),
    ("Answer in one word: what colour is snow?", "short"),
    (f"{MODULE}What does this print?", "short"),
    ("Return a JSON object with name and age.", "json"),
    ("Write a function that returns a JSON text of a mapping.", "function"),
    ("Classify the mood. Answer with one of: happy, sad, neutral.\n\nGreat!", "choice"),
]


@pytest.mark.parametrize(("prompt", "kind"), KINDS)
def test_the_words_tell_what_kind_of_answer_fits(prompt: str, kind: AskedKind) -> None:
    assert asked_of(prompt).kind == kind


@pytest.mark.parametrize(
    ("prompt", "labels"),
    [
        ("Which is a bird?\nA) cod\nB) wren\nC) newt", "A B C"),
        ("Which is a bird?\n(a) cod\n(b) wren", "a b"),
        ("Which is a bird?\n1. cod\n2. wren\n3. newt", "1 2 3"),
        ("Which is true?\nI. One.\nII. Two.\nIII. Three.", "I II III"),
        ("Birds lay\nA. eggs\nB. seeds\nC. spores", "A B C"),
        ("Choose: the sun is a A) star B) planet C) comet", "A B C"),
        ("Question: what is H2O?\nOptions:\nA: water\nB: salt\nAnswer:", "A B"),
        ("Which of these is a bird?\n- cod\n- wren", "cod wren"),
        ("Answer with one of: red, green or blue.", "red green blue"),
        ("Which planet?\n" + "\n".join(f"{letter}. it" for letter in "ABCDEFGHIJ"), "A B C D E F G H I J"),
    ],
)
def test_what_is_offered_for_a_choice_is_read_with_its_labels(prompt: str, labels: str) -> None:
    assert [label for label, _ in asked_of(prompt).options] == labels.split()


@pytest.mark.parametrize(
    "prompt",
    [
        "Follow these rules:\n1. Be brief.\n2. Be kind.\n\nExplain gravity.",
        "Solve:\na) What is 2+2?\nb) What is 3+3?",
        "Write a function that checks:\n1. length\n2. digits",
        "To do:\n- milk\n- bread",
    ],
)
def test_a_list_of_steps_or_exercises_is_no_choice(prompt: str) -> None:
    assert asked_of(prompt).kind != "choice"


def test_the_language_and_the_file_are_those_that_the_wish_speaks_of() -> None:
    assert asked_of("Write a Go function Add.").language == "go"
    assert asked_of("Port this Python function to Rust, please: f").language == "rust"
    assert asked_of("Fix the loop in `src/loop.py`.\n```python\nx = 1\n```").path == "src/loop.py"


def test_a_schema_asks_for_json() -> None:
    assert question("Tell me of Ann.", schema={"type": "object"}).asked.kind == "json"


@given(st.text())
def test_any_text_asks_for_something_or_for_nothing(text: str) -> None:
    asked = asked_of(text)
    assert asked.kind is not None or not asked.sure
    assert bool(asked.options) == (asked.kind == "choice")
