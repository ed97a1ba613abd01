"""Distinct values stay distinct however they are marked, equal ones are one however they are written."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.voting.extract import extract_text
from local_swarm.voting.question import question
from local_swarm.voting.values.expressions import available

# A row holds ways to write one value; no two rows hold the same.
GOLDS: tuple[tuple[str, ...], ...] = (
    ("5", "+5", "5.0", "05", r"\text{5}", "five"),
    ("-5", "−5", "–5", "minus 5", "-5.0", "$-5$"),
    ("0", "0.0", "zero"),
    ("1/4", "0.25", r"\frac{1}{4}", r"\frac14", r"\dfrac{1}{4}", "¼", "25%"),
    ("1/3", r"\frac{1}{3}", r"\tfrac13", "2/6", "one third"),
    ("-1/3", r"-\frac{1}{3}", r"\frac{-1}{3}"),
    ("1/2", "0.5", ".5", "50%", "50 %", r"50\%", r"\frac{1}{2}", "½", "one half"),
    ("2/3", r"\frac{2}{3}", "4/6", "two thirds"),
    ("3/4", "0.75", "75%", "¾", "three quarters"),
    ("2 1/2", r"2\frac{1}{2}", r"2\frac12", "2.5", "5/2", "2½"),
    ("1 1/10", r"1\frac{1}{10}", "1.1", "11/10"),
    (r"1\frac{8}{91}", "99/91"),
    (r"1\frac{1}{9}", "10/9"),
    ("3.10.1",),
    ("3.10.2",),
    ("v2.0.1",),
    ("9500", "9,500", r"9{,}500", "9'500", "9 500", "9500.00"),
    ("9250", "9,250", r"9{,}250"),
    ("1200.50", "1,200.50", "1.200,50", "1200.5"),
    ("1234567", "1,234,567", "1.234.567", "1'234'567", "12,34,567"),
    ("1234568", "1,234,568"),
    ("100000", "1,00,000", "100,000", r"10^5", r"1 \times 10^5", "1e5"),
    (r"6.02 \times 10^{23}", "6.02e23", "6.02 × 10^23", "6.02*10^23", "6.02 × 10²³", r"6.02 \cdot 10^{23}"),
    (r"6.02 \times 10^{22}", "6.02e22"),
    (r"10^{-3}", "0.001", "1e-3", "1/1000"),
    ("0.002",),
    ("3:30", "3:30 AM"),
    ("3:45",),
    ("15:30", "3:30 PM", "3:30 p.m.", "3:30pm"),
    ("15:45", "3:45 PM"),
    ("noon", "12:00 PM", "12:00"),
    ("2024-03-04", "March 4, 2024", "4 March 2024", "04.03.2024", "4. März 2024", "2024/03/04"),
    ("2024-03-05", "March 5, 2024", "5th of March 2024", "Mar 5, 2024"),
    ("2023-03-05",),
    ("1999",),
    ("192.168.1.254",),
    ("192.168.1.255",),
    ("10.0.0.1",),
    ("0xFE", "254", "0b11111110"),
    ("0xFF", "255"),
    ("deadbeef01",),
    ("deadbeef02",),
    ("(-1, 1)", "(-1,1)", r"\left(-1, 1\right)", "(-1; 1)"),
    ("(-1, 3)", "(-1,3)"),
    ("(1, -1)",),
    ("[0, 1)", "[0,1)"),
    ("(0, 1]",),
    ("(0, 1)",),
    (r"\{2, 5\}", r"\{5,2\}", r"\left\{2, 5\right\}", "2 and 5", "x=2, x=5", "x = 5 or x = 2"),
    (r"\{2, 6\}",),
    (r"\{2, 5, 7\}", "2, 5 and 7"),
    ("[1, 2, 3]", "1, 2, 3"),
    ("[3, 2, 1]", "3, 2, 1"),
    ("[1, 2]",),
    (r"3\sqrt{2}", r"3 \sqrt{2}", "3√2", r"\sqrt{18}"),
    (r"2\sqrt{3}", "2√3", r"\sqrt{12}"),
    (r"\sqrt{2}", "√2", "sqrt(2)"),
    (r"\frac{\sqrt{3}}{3}", r"\frac{1}{\sqrt{3}}", r"\frac{\sqrt3}{3}"),
    (r"\frac{\sqrt{3}}{2}", r"\frac{1}{\sqrt{1+\frac{1}{3}}}"),
    (r"\frac{1}{\sqrt{1+\frac{1}{2}}}",),
    ("4x+4", "4x + 4", "4 + 4x", "4(x+1)", "$4x+4$"),
    ("4x+3", "3+4x"),
    ("4y+4",),
    ("x^2+2x+1", "(x+1)^2", "1 + 2x + x^2"),
    ("x^2+2x+2",),
    ("x^2-1", "(x-1)(x+1)"),
    (r"\frac{x}{2}", "x/2", "0.5x"),
    (r"\frac{2}{x}", "2/x"),
    ("2^n",),
    ("2n",),
    ("n^2",),
    ("7+i", "7 + i", "i + 7"),
    ("7-i",),
    ("7i",),
    (r"2\pi", "2π"),
    (r"3\pi", "3π"),
    (r"\pi^2",),
    (r"\frac{\pi}{6}", "π/6"),
    (r"e^{2}", "e^2"),
    (r"\ln 2", "ln(2)"),
    (r"\sin x", "sin(x)"),
    (r"\cos x",),
    (r"5.2 \pm 0.1", "5.2 ± 0.1", "5.2 +/- 0.1"),
    ("5.2 ± 0.9",),
    (r"\pm 3", "±3", "3 and -3", "-3, 3 and 3"),
    ("3x4", r"3 \times 4", "3 × 4", "3 by 4"),
    ("3x5", "3 × 5"),
    ("4x3x2",),
    ("2:3", "2 : 3", "4:6"),
    ("3:2",),
    ("1:7", "1 : 7"),
    (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", r"\begin{bmatrix}1&2\\3&4\end{bmatrix}"),
    (r"\begin{pmatrix} 1 & 2 \\ 3 & 5 \end{pmatrix}",),
    (r"\infty", "∞", "infinity"),
    (r"-\infty", "-∞", "negative infinity"),
    (r"(3, \infty)", "(3, ∞)"),
    (r"[3, \infty)",),
    (r"(-\infty, 1) \cup (2, \infty)", r"(2,\infty)\cup(-\infty,1)"),
    ("none", "no solution", "no real solutions", r"\emptyset", "∅", "There are no solutions"),
    ("$1.5K", "1500", "1,500 dollars", "USD 1500"),
    ("$1.5M", "1.5 million", "1,500,000"),
    ("2 billion", "2000000000"),
    ("$29.00", "USD 29", "29 dollars", "$29", "29", "twenty-nine"),
    ("€31", "31 euros", "31 EUR"),
    ("£31", "GBP 31"),
    ("5 km", "5 kilometers", "5000 m", r"5 \text{ km}"),
    ("5 m", "5 meters", "500 cm"),
    ("5 cm", "50 mm"),
    ("5 kg", "5000 g", "5 kilograms"),
    ("5 g",),
    ("36 m^2", "36 m²", r"36\text{ m}^2", "36 square meters"),
    ("36 m^3", "36 cubic meters"),
    ("36 m",),
    ("80 km/h", "80 kilometers per hour", r"80\text{ km/h}"),
    ("80 mph", "80 miles per hour"),
    ("2 hours", "120 minutes", "2 h"),
    ("2 hours 15 minutes", "135 minutes", "2 hours and 15 minutes"),
    ("2 days", "48 hours"),
    ("60°", r"60^\circ", "60 degrees", "60"),
    ("60 °C", "60 °c"),
    ("60 °F",),
    ("18", "eighteen", "Eighteen", "achtzehn", "dix-huit", "dieciocho", "١٨", "１８"),
    ("19", "nineteen", "neunzehn", "१९"),
    ("21", "twenty-one", "einundzwanzig"),
    ("42", "forty-two", "42.", "**42**", "四十二", "٤٢"),
    ("512", "five hundred and twelve"),
    ("3000", "three thousand", "3,000"),
    ("A", "(A)"),
    ("B",),
    ("C", r"\text{C}"),
    ("A and C", "C and A"),
    ("A and D",),
    ("Ann", r"\text{Ann}", r"\textbf{Ann}", "**Ann**", "ann"),
    ("Bob", r"\mathrm{Bob}"),
    ("Paris", "paris."),
    ("London",),
    ("New York", "new york"),
    ("yes", "Yes."),
    ("no", "No."),
    ("true",),
    ("false",),
    ("x < 5", "x<5"),
    ("x > 5",),
    ("x + y = 7", "x+y=7"),
    ("x + y = 8",),
    ("y = 2x + 1", "y=2x+1"),
    ("y = 2x - 1",),
    ("O(n)",),
    ("O(log n)", r"O(\log n)"),
    ("O(n log n)", r"O(n \log n)"),
    ("n!",),
    (r"\frac{a}{b}", "a/b"),
    (r"\frac{b}{a}", "b/a"),
    ("H2O",),
    ("CO2",),
    ("--soft",),
    ("--hard",),
    ("a.txt",),
    ("b.txt",),
    ("-7/2", "-3.5", r"-\frac{7}{2}", "-3 1/2"),
    ("7/2", "3.5", "3 1/2"),
    ("-0.001", r"-10^{-3}"),
    ("1e100", "10^100"),
    ("1e101",),
    ("123456789012345678901", "123,456,789,012,345,678,901"),
    ("123456789012345678902",),
    ("0.1234567890123", ".1234567890123"),
    ("0.1234567890124",),
    ("July",),
    ("Monday",),
    ("Tuesday",),
    ("dog",),
    ("cat",),
)
MARKS = (
    r"\boxed{{{}}}",
    "The answer is {}.",
    "Answer: {}",
    "<answer>{}</answer>",
    "So we are done.\n\nFinal answer: {}",
)
PLACES = [(row, way) for row, ways in enumerate(GOLDS) for way in range(len(ways))]
NEEDS_LIBRARY = pytest.mark.skipif(not available(), reason="latex2sympy2-extended is not installed")
PLAIN = question("What comes out?")


def read(gold: str, mark: str) -> str:
    return extract_text(mark.format(gold), PLAIN).body


@NEEDS_LIBRARY
@pytest.mark.parametrize("ways", GOLDS, ids=lambda ways: ways[0][:24])
def test_ways_to_write_one_value_are_one(ways: Sequence[str]) -> None:
    assert len({read(way, MARKS[0]) for way in ways}) == 1, {way: read(way, MARKS[0]) for way in ways}


@NEEDS_LIBRARY
def test_rows_of_golds_are_apart_in_a_box() -> None:
    homes: dict[str, set[str]] = {}
    for ways in GOLDS:
        for way in ways:
            homes.setdefault(read(way, MARKS[0]), set()).add(ways[0])
    assert [firsts for firsts in homes.values() if len(firsts) > 1] == []


@NEEDS_LIBRARY
@given(st.sampled_from(PLACES), st.sampled_from(PLACES), st.sampled_from(MARKS), st.sampled_from(MARKS))
def test_values_are_one_if_they_are_equal_however_they_are_marked(
    one: tuple[int, int], other: tuple[int, int], mark: str, another: str
) -> None:
    same = read(GOLDS[one[0]][one[1]], mark) == read(GOLDS[other[0]][other[1]], another)
    assert same == (one[0] == other[0])


@given(st.fractions(max_denominator=999), st.fractions(max_denominator=999), st.sampled_from(MARKS))
def test_two_fractions_are_one_only_if_they_are_equal(one: object, other: object, mark: str) -> None:
    assert (read(str(one), mark) == read(str(other), mark)) == (one == other)


@given(st.integers(-(10**9), 10**9), st.sampled_from(["{:,}", "{}", "{}.0", "${}$", "**{}**"]), st.sampled_from(MARKS))
def test_an_integer_is_itself_in_every_dress(number: int, dress: str, mark: str) -> None:
    assert read(dress.format(number), mark) == str(number)
