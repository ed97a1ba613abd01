from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.voting.extract import extract_text
from local_swarm.voting.similarity.structure import structural


def alike(one: str, other: str) -> float:
    return float(structural([extract_text(one), extract_text(other)])[0, 1])


LOOP = "def f(numbers):\n    total = 0\n    for n in numbers:\n        total += n\n    return total"


def test_names_comments_and_docstrings_do_not_count() -> None:
    renamed = (
        'def g(xs):\n    """Add them."""\n    t = 0  # nothing yet\n    for x in xs:\n        t += x\n    return t'
    )
    assert alike(LOOP, renamed) == 1.0


def test_what_is_done_counts() -> None:
    assert alike(LOOP, LOOP.replace("+=", "-=")) < 1.0
    assert alike(LOOP, LOOP.replace("+=", "-=")) > alike(LOOP, "def f(s):\n    return s.upper()[::-1]")


def test_a_constant_counts() -> None:
    assert alike("def f(x):\n    return x > 3", "def f(x):\n    return x > 4") < 1.0


def test_words_are_compared_as_words() -> None:
    assert alike("The capital is Paris.", "the  capital is paris.") == 1.0
    assert alike("The capital is Paris.", "Bananas are yellow") < 0.2


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_a_matrix_of_likeness(texts: list[str]) -> None:
    matrix = structural([extract_text(text) for text in texts])
    assert np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1.0)
    assert (matrix >= 0).all() and (matrix <= 1 + 1e-9).all()


def test_deep_nesting_is_no_danger() -> None:
    deep = "x = " + "(" * 80 + "1" + ")" * 80 + "\ndef f():\n    return " + "-" * 300 + "1"
    assert alike(deep, deep) == 1.0
