"""Guesses from what siblings wrote, and how long they should be."""

from __future__ import annotations

from local_swarm.backends.llamacpp.draft import Lookup, observed, worth


def lookup(prompt: str, *answers: str) -> Lookup:
    made = Lookup(list(prompt.encode()), len(answers))
    for seat, answer in enumerate(answers):
        for token in answer.encode():
            made.add(seat, token)
    return made


def text(tokens: object) -> str:
    return bytes(tokens).decode()  # type: ignore[call-overload, no-any-return]


def test_what_a_sibling_wrote_after_the_same_words_is_the_guess() -> None:
    assert text(lookup("?", "return sum(x)", "now return").draft(1, 5)) == " sum("


def test_the_first_words_are_guessed_from_how_siblings_began() -> None:
    assert text(lookup("say it: ", "hello there", "").draft(1, 5)) == "hello"


def test_its_own_words_count_too_and_never_its_own_end() -> None:
    assert text(lookup("?", "for a, for b, for ").draft(0, 3)) == "b, "
    assert text(lookup("?", "abcdef").draft(0, 3)) == ""


def test_the_prompt_is_looked_up_where_nobody_said_it_yet() -> None:
    assert text(lookup("def total(numbers): ...", "def total(").draft(0, 7)) == "numbers"


def test_siblings_are_believed_before_the_prompt() -> None:
    assert text(lookup("abc1", "abc2", "abc").draft(1, 1)) == "2"


def test_without_enough_words_there_is_no_guess() -> None:
    assert text(lookup("", "ab").draft(0, 5)) == "" and text(lookup("abcabc", "").draft(0, 0)) == ""


def test_acceptance_is_learned_from_what_was_tried() -> None:
    value = 0.5
    for _ in range(200):
        value = observed(value, drafted=4, accepted=3)
    assert 0.7 < value < 0.8
    assert observed(0.5, 4, 4) > 0.5 > observed(0.5, 4, 0)


def test_drafts_are_long_where_tokens_of_a_step_are_free_and_none_where_each_costs() -> None:
    assert worth(0.8, 8, 6, lambda tokens: 1.0) == 6
    assert worth(0.8, 8, 6, lambda tokens: float(tokens)) == 0
    assert 0 < worth(0.8, 8, 6, lambda tokens: 1.0 + 0.02 * tokens) < 6
    assert worth(0.0, 8, 6, lambda tokens: 1.0) == 0
