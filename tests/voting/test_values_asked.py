"""What a reply answers, by what its question asks for: options, yes or no, quantities, facts, JSON."""

from __future__ import annotations

import pytest

from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.extract import extract_text
from local_swarm.voting.question import question
from local_swarm.voting.reading import AS_TEXT, note_on
from local_swarm.voting.values.expressions import AS_WRITTEN

GASES = question("Which gas makes balloons float?\nA) Argon\nB) Helium\nC) Neon\nD) Xenon")
SEVERAL = question("Which of these are even? Select all that apply.\nA) 2\nB) 3\nC) 4\nD) 9")
PRIME = question("Is 51 a prime number? Answer yes or no.")
COUNT = question("Six boxes hold seven pens each. How many pens are there in total?")
CAPITAL = question("What is the capital of Canada?")
WANTS_JSON = question("Return JSON with the name Eve and the age 7.")


@pytest.mark.parametrize(
    "reply",
    [
        "B",
        "b)",
        "(B)",
        "**B) Helium**",
        "B, since it is lighter than air",
        "The correct option is B.",
        "Option B is correct.",
        "I would go with B.",
        "It must be B because the others are heavier.",
        "A) is wrong, it is heavy. B) is right.",
        "A is too heavy. C and D are as well. Hence B.",
        "Option A: heavy - incorrect.\nOption B: light - correct.\nOption C: heavy - incorrect.\nOption D: incorrect.",
        "The answer is not A but B.",
        "So it's B, not C.",
        r"\boxed{\text{B}}",
        "<answer>B</answer>",
        "helium",
        "Balloons float by helium.",
        "Die richtige Antwort ist B.",
        "La bonne réponse est B.",
        "La respuesta correcta es la B.",
        "A resposta correta é B",
        "La risposta corretta è B.",
        "Het juiste antwoord is B.",
        "Правильный ответ: B",
        "正确答案是B。",
        "答えはBです。",
        "정답은 B입니다.",
    ],
)
def test_a_chosen_option_is_read_however_it_is_told(reply: str) -> None:
    answer = extract_text(reply, GASES)
    assert (answer.kind, answer.body) == ("choice", "B")


@pytest.mark.parametrize("reply", ["A gas.", "I am not sure.", "Neither of them, I think."])
def test_words_that_choose_nothing_are_no_choice(reply: str) -> None:
    assert extract_text(reply, GASES).kind != "choice"


@pytest.mark.parametrize(
    "reply", ["A and C", "C, A", "(A) and (C)", "AC", "The correct options are A and C.", "2 and 4"]
)
def test_several_options_are_chosen_together(reply: str) -> None:
    assert extract_text(reply, SEVERAL).body == "A, C"


@pytest.mark.parametrize(
    "reply",
    [
        "No",
        "**No.**",
        "No, 51 = 3 x 17.",
        "No, because it is divisible by 3.",
        "51 = 3 * 17, so no.",
        "That is false.",
        "It is not prime.",
        "51 is not a prime number.",
        "The answer is no.",
        "Nein, denn 51 = 3 * 17.",
        "Non.",
    ],
)
def test_no_is_no_with_or_without_a_reason(reply: str) -> None:
    assert extract_text(reply, PRIME).body == "no"


@pytest.mark.parametrize("reply", ["Yes", "Yes, it is.", "True.", "51 is prime.", "That is correct."])
def test_yes_is_yes_with_or_without_a_reason(reply: str) -> None:
    assert extract_text(reply, PRIME).body == "yes"


@pytest.mark.parametrize(
    "reply",
    [
        "42",
        "forty-two",
        "There are 42 pens in total, 7 in each of the 6 boxes.",
        "42 pens, 7 in each of 6 boxes",
        "In total there are 42 pens (6 boxes of 7).",
        "6 * 7 = 42 pens",
        "**42** pens. Check: 42 / 6 = 7.",
        "The answer is not 40 but 42.",
        "The answer is 42, not 40.",
        "There are 42 as of 2019.",
        "6 boxes hold 7 each, so there are 42 pens in total.",
        "First we count 6 boxes.\n\nTotal = 6 × 7 = 42",
        "6 times 7.\n#### 42",
        "The answer is:\n\n$$\n42\n$$",
        "Die Antwort lautet 42.",
        "总共有42支笔。",
    ],
)
def test_a_quantity_is_read_without_what_explains_it(reply: str) -> None:
    answer = extract_text(reply, COUNT)
    assert (answer.kind, answer.body) == ("number", "42")


@pytest.mark.parametrize("heading", ["#### Summary", "#### 3. Bake it\n\nBake it until it is brown."])
def test_a_heading_is_no_value(heading: str) -> None:
    reply = f"#### 1. Mix\n\nMix all of it and let it rise for a while.\n\n{heading}"
    assert extract_text(reply, question("How do I bake bread?")).family == "text"


@pytest.mark.parametrize(
    "reply",
    [
        "Ottawa",
        "Ottawa.",
        "**Ottawa**",
        "It is Ottawa.",
        "The capital of Canada is Ottawa.",
        "Ottawa is the capital of Canada.",
        "The capital is **Ottawa**. It lies in Ontario.",
        "The answer is Ottawa.",
    ],
)
def test_a_fact_is_what_a_sentence_says_beside_its_question(reply: str) -> None:
    assert extract_text(reply, CAPITAL).body == "ottawa"


@pytest.mark.parametrize(
    "reply",
    [
        '{"name": "Eve", "age": 7}',
        '{"age": 7.0, "name": "Eve",}',
        'Sure! {"age": 7, "name": "Eve"}',
        '```json\n{\n  // who\n  "name": "Eve",\n  "age": 7\n}\n```\nThat is it.',
        "{'name': 'Eve', 'age': 7}",
    ],
)
def test_json_that_is_asked_for_is_its_data(reply: str) -> None:
    answer = extract_text(reply, WANTS_JSON)
    assert (answer.kind, answer.body) == ("json", '{"age": 7, "name": "Eve"}')


def test_slashes_within_texts_of_json_are_no_comments() -> None:
    assert "http://a.example/x" in extract_text('{"name": "http://a.example/x",}', WANTS_JSON).body


@pytest.mark.parametrize(
    ("asks", "one", "other"),
    [
        ("What is the area in m^2?", "The area is 36 m^2.", "36"),
        ("How long is the film in minutes?", "2 hours 15 minutes", "135"),
        ("What is the probability of heads?", "50%", "0.5"),
        ("What percentage passed?", "25%", "25"),
        ("How many real solutions has x^2 + 1 = 0?", "There are no real solutions.", "0"),
        ("Wie viel kostet das Auto?", "12.500 Euro", "12500 Euro"),
        ("Find all solutions of x^2 - 7x + 10 = 0.", "The roots are 2 and 5.", r"\boxed{5, 2}"),
        ("When does the film end?", "It ends at 3:30 PM.", "15:30"),
    ],
)
def test_the_question_tells_what_a_value_means(asks: str, one: str, other: str) -> None:
    asked = question(asks)
    assert extract_text(one, asked).body == extract_text(other, asked).body


def test_versions_are_no_numbers_where_a_version_is_asked_for() -> None:
    asked = question("What is the latest version of Python?")
    assert extract_text("3.10", asked).body != extract_text("3.1", asked).body


def test_a_vote_tells_where_expressions_were_compared_as_text() -> None:
    assert note_on([ExtractedAnswer("number", f"{AS_WRITTEN}4x+3")]) == AS_TEXT
    assert note_on([ExtractedAnswer("number", "42")]) is None


def test_a_poem_that_speaks_of_an_answer_is_a_poem() -> None:
    reply = "Rain on the window,\nseven drops race to the sill;\nthe answer is mud"
    assert extract_text(reply, question("Write a haiku about rain.")).family == "text"
