"""Nothing in, questions with few possible answers and known truth out: yes or no, and one of four. Pure.

The same on every day. The truth of sums is computed here; facts are such as every atlas has.
Half of the yes-or-no questions are true.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

Question = dict[str, str]

CAPITALS = {
    "Australia": ("Canberra", "Sydney", "Melbourne", "Perth"),
    "Canada": ("Ottawa", "Toronto", "Montreal", "Vancouver"),
    "Brazil": ("Brasília", "Rio de Janeiro", "São Paulo", "Salvador"),
    "Turkey": ("Ankara", "Istanbul", "Izmir", "Bursa"),
    "Switzerland": ("Bern", "Zurich", "Geneva", "Basel"),
    "New Zealand": ("Wellington", "Auckland", "Christchurch", "Dunedin"),
    "Morocco": ("Rabat", "Casablanca", "Marrakesh", "Fes"),
    "Vietnam": ("Hanoi", "Ho Chi Minh City", "Da Nang", "Hue"),
    "Japan": ("Tokyo", "Osaka", "Kyoto", "Nagoya"),
    "Italy": ("Rome", "Milan", "Naples", "Turin"),
    "Egypt": ("Cairo", "Alexandria", "Giza", "Luxor"),
    "Norway": ("Oslo", "Bergen", "Trondheim", "Stavanger"),
}
SYMBOLS = {
    "gold": ("Au", "Ag", "Go", "Gd"),
    "sodium": ("Na", "So", "S", "Sn"),
    "iron": ("Fe", "Ir", "In", "I"),
    "lead": ("Pb", "Le", "Pd", "Li"),
    "potassium": ("K", "P", "Po", "Pt"),
    "tin": ("Sn", "Ti", "Tn", "Sb"),
    "silver": ("Ag", "Si", "Sv", "Au"),
    "mercury": ("Hg", "Me", "Mg", "Mc"),
}
ORDERS = {
    "O(log n)": "binary search in a sorted list of n elements",
    "O(n)": "finding the largest of n unsorted numbers",
    "O(n log n)": "merge sort of n elements",
    "O(n^2)": "bubble sort of n elements in the worst case",
}
PRIMES = (2, 17, 29, 41, 53, 61, 73, 83, 97, 101, 113, 127)
COMPOSITES = (1, 21, 27, 39, 51, 57, 77, 87, 91, 111, 119, 133)
LABELS = "ABCD"


def yes_no_questions() -> list[Question]:
    """72 of them."""
    pairs = list(statements())
    random.Random(20).shuffle(pairs)
    return [
        {"id": f"yes-no/{at}", "question": f"{text} Answer yes or no.", "answer": "yes" if true else "no"}
        for at, (text, true) in enumerate(pairs)
    ]


def statements() -> Iterator[tuple[str, bool]]:
    draw = random.Random(1)
    for number in (*PRIMES, *COMPOSITES):
        yield f"Is {number} a prime number?", number in PRIMES
    for at in range(12):
        divisor = draw.choice((3, 4, 6, 7, 9, 11))
        number = divisor * draw.randrange(12, 80) + (0 if at % 2 else draw.randrange(1, divisor))
        yield f"Is {number} divisible by {divisor}?", number % divisor == 0
    for at in range(12):
        one, other = draw.randrange(12, 60), draw.randrange(12, 60)
        told = one * other + (0 if at % 2 else draw.choice((-10, 10, 2, -2)))
        yield f"Is {one} * {other} equal to {told}?", told == one * other
    for at, (country, cities) in enumerate(CAPITALS.items()):
        yield f"Is {cities[at % 2]} the capital of {country}?", at % 2 == 0
    for at, (metal, symbols) in enumerate([*SYMBOLS.items(), *ordered_pairs()]):
        yield f"Is {symbols[at % 2]} the chemical symbol of {metal}?", at % 2 == 0


def ordered_pairs() -> list[tuple[str, tuple[str, ...]]]:
    return [
        ("copper", ("Cu", "Co")),
        ("tungsten", ("W", "Tu")),
        ("helium", ("He", "H")),
        ("zinc", ("Zn", "Z")),
    ]


def choice_questions() -> list[Question]:
    """48 of them, each with four options, the right one under each letter as often."""
    made = list(four_options())
    random.Random(21).shuffle(made)
    return [question_with_letters(at, text, options) for at, (text, options) in enumerate(made)]


def four_options() -> Iterator[tuple[str, tuple[str, ...]]]:
    """The right option first."""
    draw = random.Random(2)
    for country, cities in CAPITALS.items():
        yield f"What is the capital of {country}?", cities
    for metal, symbols in SYMBOLS.items():
        yield f"What is the chemical symbol of {metal}?", symbols
    for order, task in ORDERS.items():
        yield f"How long does {task} take?", (order, *(one for one in ORDERS if one != order))
    for _ in range(24):
        one, other = draw.randrange(13, 70), draw.randrange(13, 70)
        right = one * other
        yield f"What is {one} * {other}?", tuple(map(str, (right, right + 10, right - 10, right + 2)))


def question_with_letters(at: int, text: str, options: tuple[str, ...]) -> Question:
    others = list(options[1:])
    random.Random(text).shuffle(others)
    others.insert(at % 4, options[0])
    lines = "\n".join(f"{label}) {option}" for label, option in zip(LABELS, others, strict=True))
    return {
        "id": f"choice/{at}",
        "question": f"{text}\n\n{lines}\n\nAnswer with the letter of the right option.",
        "answer": LABELS[at % 4],
    }
