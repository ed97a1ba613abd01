"""An expression of mathematics in, one form for all ways to write it out, by latex2sympy where that is installed.

Two expressions are one where they have one value at two places of all their variables, a probabilistic test of identity
(J. T. Schwartz, "Fast probabilistic algorithms for verification of polynomial identities", 1980). It evaluates, so that
it belongs into a child with limits; what would be large is compared as text.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from local_swarm.confined.child import without_clock

LONGEST_EXPRESSION = 200  # characters
MOST_NODES = 80
MOST_POWER = 64
FUNCTIONS = "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln exp sqrt"
WORDS = frozenset(
    (
        *FUNCTIONS.split(),
        "pi",
        "frac",
        "pi",
        "theta",
        "alpha",
        "beta",
        "lambda",
        "begin",
        "end",
        "pmatrix",
        "bmatrix",
        "matrix",
    )
)
LONG_WORD = re.compile(r"[^\W\d_]{2,}")
SIGNS = str.maketrans(
    {"⟨": r"\{", "⟩": r"\}", "π": r"\pi ", "×": r"\cdot ", "·": r"\cdot ", "*": r"\cdot ", "÷": "/", "∞": r"\infty "}
)
ROOT = re.compile(r"√\s?(?:\(([^()]*)\)|(\d+|\w))|√\s?(\[[^\]]*\])?(?=\{)")
FUNCTION = re.compile(rf"(?<![\\A-Za-z])({FUNCTIONS.replace(' ', '|')})(?![A-Za-z])")
POWER = re.compile(r"\^\s?\(([^()]*)\)|\^(-?\d+)")
LOOKS = re.compile(r"[-+*/^√π×·÷!]|\d\s?[A-Za-z(]|\)\s?\(|\\[a-z]|\w\(|\b(?:sin|cos|tan|log|ln|exp|sqrt)\b")
AS_WRITTEN = "as written: "  # before the text of what could be compared by value, had the library been there
SIGNS_IN_ROW = re.compile(r"(?:[-+*/^=]\s?){4}")
MOST_POWERS = 8
OVER = re.compile(r"\(([^()]*)\)/\(([^()]*)\)")
DEEPEST_FRACTION = 8
LETTERS = re.compile(r"[A-Za-z]{2,4}")
PLACES = (Fraction(7, 10), Fraction(-13, 11))


def available() -> bool:
    return find_spec("latex2sympy2_extended") is not None


@lru_cache(maxsize=256)
def expression_form(plain: str) -> str | None:
    """None for what is no expression."""
    if len(plain) > LONGEST_EXPRESSION or not LOOKS.search(plain) or not is_mathematics(plain):
        return None
    if not available():
        return AS_WRITTEN + as_text(plain)
    return (by_library(latex_of(plain)) if is_bearable(plain) else None) or as_text(plain)


def is_bearable(plain: str) -> bool:
    """Whether the library reads it soon: towers of powers and rows of signs take it seconds."""
    return plain.count("^") <= MOST_POWERS and plain.count("√") <= MOST_POWERS and not SIGNS_IN_ROW.search(plain)


def is_mathematics(plain: str) -> bool:
    words = {word.lower() for word in LONG_WORD.findall(plain.replace("\\", " "))}
    products = {word for word in words - WORDS if not (len(word) < 4 and re.search(rf"\d{word}|{word}\^", plain))}
    return (
        not products
        and not re.search(r"[\"'?!:;@#]\s|[^\x00-\x7f⟨⟩π×·÷∞√°≠±∈]", plain)
        and plain[:2] not in ("O(", "o(", "Θ(", "Ω(")
    )


def as_text(plain: str) -> str:
    return re.sub(r"\s|\\cdot|(?<=\d)[*·](?=[a-z(√])", "", plain.replace("\\left", "").replace("\\right", ""))


def latex_of(plain: str) -> str:
    text = plain.replace("**", "^")
    for _ in range(DEEPEST_FRACTION):
        text, count = OVER.subn(r"\\frac{\1}{\2}", text)
        if not count:
            break
    text = POWER.sub(lambda found: f"^{{{found[1] or found[2]}}}", text)
    text = FUNCTION.sub(lambda found: "√" if found[1] == "sqrt" else f"\\{found[1]} ", text)
    text = ROOT.sub(
        lambda found: (
            f"\\sqrt{{{found[1] or found[2]}}}"
            if not found[0].endswith("√") and (found[1] or found[2])
            else f"\\sqrt{found[3] or ''}"
        ),
        text,
    )
    return text.translate(SIGNS)


def by_library(latex: str) -> str | None:
    with without_clock():
        from latex2sympy2_extended import latex2sympy
    try:
        found = latex2sympy(latex, normalization_config=None)
        return form_of(found)
    except Exception:  # whatever a library does with what is no mathematics: it is text then
        return None


def form_of(found: Any) -> str | None:
    rows = getattr(found, "tolist", None)
    if rows is not None:
        entries = [f"[{'; '.join(form_of(entry) or '?' for entry in row)}]" for row in rows()]
        return f"[{'; '.join(entries)}]"  # as a list of lists is told
    if getattr(found, "is_Relational", False):
        return f"{type(found).__name__}({form_of(found.lhs)}; {form_of(found.rhs)})"
    if not getattr(found, "is_Atom", True) and not is_small(found):
        return None
    if not hasattr(found, "evalf") or not hasattr(found, "free_symbols") or not found.is_commutative:
        return None
    return values_of_expression(found)


def is_small(found: Any) -> bool:
    """Whether its value is soon at hand: no integrals, no large powers or factorials."""
    from sympy import Add, Expr, Mul, Pow, factorial, preorder_traversal
    from sympy.core.function import Function

    for count, node in enumerate(preorder_traversal(found)):
        if count > MOST_NODES or not isinstance(node, Expr):
            return False
        if isinstance(node, Pow) and not node.exp.free_symbols and not (node.exp.is_number and small_number(node.exp)):
            return False
        if isinstance(node, factorial) and not (node.args[0].is_Integer and 0 <= node.args[0] <= MOST_POWER):
            return False
        if not (node.is_Atom or isinstance(node, (Add, Mul, Pow, Function))):
            return False
    return True


def small_number(exponent: Any) -> bool:
    return (
        all(not node.is_Number or abs(node) <= MOST_POWER for node in (exponent, *exponent.args))
        and exponent.count_ops() < 12
    )


def values_of_expression(found: Any) -> str | None:
    """Its values at two places; of a constant the constant."""
    from sympy import I, Rational

    names = sorted(found.free_symbols, key=str)
    variables = [name for name in names if str(name) not in ("i", "e")]
    values = []
    for place in PLACES[: 2 if variables else 1]:
        at = {
            name: Rational(place.numerator, place.denominator) + Rational(sum(map(ord, str(name))), 97)
            for name in variables
        }
        at |= {name: I for name in names if str(name) == "i"}
        value = complex(found.subs(at).evalf(20))
        values.append(f"{tidy(value.real)}{f' + {tidy(value.imag)}i' if abs(value.imag) > 1e-12 else ''}")
    return f"expression in {', '.join(map(str, variables))}: {values}" if variables else values[0]


def tidy(value: float) -> str:
    """A fraction where it is one, else twelve digits."""
    near = Fraction(value).limit_denominator(2000) if abs(value) < 1e12 else Fraction(value)
    if abs(float(near) - value) <= 1e-13 * max(1.0, abs(value)):
        return str(near.numerator) if near.denominator == 1 else f"{near.numerator}/{near.denominator}"
    return f"{value:.12g}"
