"""Queries, patterns and data that say the same have the same words, others have others."""

from __future__ import annotations

import pytest

from local_swarm.voting.other_languages import canonical_words


def one(language: str, *codes: str) -> bool:
    return len({canonical_words(code, language) for code in codes}) == 1


def test_a_query_is_one_whatever_its_layout_case_and_comments() -> None:
    assert one(
        "sql",
        "SELECT name FROM users u WHERE age > 30 ORDER BY name;",
        "select name\nfrom users as u -- all of them\nwhere age>30\norder by name asc",
        "/* old */ Select name From users u Where age > 30 Order By name ;",
    )


@pytest.mark.parametrize(
    "other",
    [
        "SELECT a FROM t WHERE b = 'x'",
        "SELECT a FROM t WHERE b = 'X' LIMIT 1",
        "SELECT a FROM t WHERE b != 'X'",
        "SELECT a",
    ],
)
def test_queries_that_give_something_else_differ(other: str) -> None:
    assert not one("sql", "SELECT a FROM t WHERE b = 'X'", other)


def test_a_text_in_a_query_that_never_ends_is_read_to_the_end() -> None:
    assert canonical_words("SELECT 'a b", "sql") == ("select", "'a b")


def test_a_pattern_is_one_however_it_is_delimited() -> None:
    assert one("regex", r"^\d{5}$", r"/^\d{5}$/", 'r"^[0-9]{5}$"', r"  ^\d{5}$ " + "\n")
    assert not one("regex", r"^\d{5}$", r"^\d{5}")
    assert not one("regex", r"^a+$", r"^a+?$")


@pytest.mark.parametrize(
    ("language", "codes"),
    [
        (
            "yaml",
            (
                "ports: [80, 443]\nname: a\n",
                "name: a\nports:\n- 80\n- 443\n",
                "# web\nname: 'a'\nports:\n  - 80\n  - 443\n",
            ),
        ),
        ("json", ('{"a": 1, "b": [2]}', '{\n  "b": [2],\n  "a": 1,\n}')),
        ("toml", ("[a]\nb = 1\n", "a = {b = 1}\n")),
    ],
)
def test_data_is_one_whatever_its_notation(language: str, codes: tuple[str, ...]) -> None:
    assert one(language, *codes)


@pytest.mark.parametrize(
    ("language", "code"), [("yaml", "a: [1"), ("yaml", "words"), ("json", "{"), ("toml", "="), ("go", "x")]
)
def test_of_what_cannot_be_read_nothing_is_known(language: str, code: str) -> None:
    assert canonical_words(code, language) is None
