"""Guesses from what siblings wrote, and how long they should be."""

from __future__ import annotations

from local_swarm.backends.llamacpp.speculation import (
    MIXED,
    OFTEN,
    ONCE,
    PROMPT,
    DraftTrust,
    PromptLookup,
    draft_lengths,
    token_values,
)


def lookup(prompt: str, *answers: str) -> PromptLookup:
    made = PromptLookup(list(prompt.encode()), len(answers))
    for seat, answer in enumerate(answers):
        for token in answer.encode():
            made.add(seat, token)
    return made


def guess(said: PromptLookup, seat: int, limit: int) -> str:
    return bytes(said.draft(seat, limit, DraftTrust()).tokens).decode()


def chances(said: PromptLookup, seat: int, limit: int) -> list[float]:
    return said.draft(seat, limit, DraftTrust()).chances


def test_what_a_sibling_wrote_after_the_same_words_is_the_guess() -> None:
    assert guess(lookup("?", "return sum(x)", "now return"), 1, 5) == " sum("


def test_the_first_words_are_guessed_from_how_siblings_began() -> None:
    assert guess(lookup("say it: ", "hello there", ""), 1, 5) == "hello"


def test_its_own_words_count_too_and_never_its_own_end() -> None:
    assert guess(lookup("?", "for a, for b, for "), 0, 3) == "b, "
    assert guess(lookup("?", "abcdef"), 0, 3) == ""


def test_the_prompt_is_looked_up_where_nobody_said_it_yet() -> None:
    assert guess(lookup("def total(numbers): ...", "def total("), 0, 7) == "numbers"


def test_siblings_are_believed_before_the_prompt() -> None:
    assert guess(lookup("abc1", "abc2", "abc"), 1, 1) == "2"


def test_without_enough_words_there_is_no_guess() -> None:
    assert guess(lookup("", "ab"), 0, 5) == "" and guess(lookup("abcabc", ""), 0, 0) == ""


def test_where_no_words_agree_the_last_one_alone_is_a_hint_and_less_believed() -> None:
    said = lookup("?", "the cat", "a c")
    assert guess(said, 1, 2) == "at" and chances(said, 1, 1)[0] < chances(lookup("?", "a cat", "a c"), 1, 1)[0]


def test_what_is_hardly_likely_ends_a_draft() -> None:
    assert len(guess(lookup("?", "ab.ac.ad.ae.xb.xc.xd.", "zzz."), 1, 99)) < 9


def test_a_passage_of_the_prompt_is_copied_on_from_where_it_was_found() -> None:
    assert guess(lookup("abcX abcY ", "abc"), 0, 2) == "Y "
    assert guess(lookup("one two one three.", "one t"), 0, 5) == "hree."


def test_what_more_answers_agree_on_is_surer_and_what_they_differ_in_least_sure() -> None:
    one, two, four = (chances(lookup("?", *["abcdef"] * count, "abc"), count, 1)[0] for count in (1, 2, 4))
    mixed = chances(lookup("?", "abcd", "abce", "abcd", "abc"), 3, 1)[0]
    assert mixed < one < two < four < 1.0


def test_a_draft_is_as_sure_as_all_its_tokens_together() -> None:
    first, second = chances(lookup("?", "abcdef", "abc"), 1, 2)
    assert first == DraftTrust().rates[ONCE] and abs(second - first**2) < 1e-9
    assert chances(lookup("abcdef", "abc"), 0, 1) == [DraftTrust().rates[PROMPT]]


def test_how_sure_a_source_is_is_learned_from_every_guess_as_far_as_it_was_tried() -> None:
    trust, first = DraftTrust(), DraftTrust().rates
    draft = lookup("?", "abcdef", "abc").draft(1, 3, trust)
    trust.observe(draft, [ord("d")])
    assert trust.rates[ONCE] > first[ONCE]
    once = trust.rates[ONCE]
    trust.observe(draft, b"dX")  # right, then wrong: what comes behind was not tried and says nothing
    assert trust.rates[ONCE] < once
    for _ in range(500):
        trust.observe(draft, b"X")
    assert trust.rates[ONCE] < 0.01 and trust.rates[PROMPT:ONCE] == first[PROMPT:ONCE]


def test_who_once_differed_is_never_sure_again() -> None:
    assert lookup("?", "abcd", "abce", "abcd", "abcd", "abcd", "abc").draft(5, 1, DraftTrust()).sources == [MIXED]
    assert lookup("?", *["abcd"] * 6, "abc").draft(6, 1, DraftTrust()).sources == [OFTEN]


def test_tokens_are_tried_where_they_bring_more_than_they_cost() -> None:
    sure, unsure, none = [0.9, 0.8], [0.4, 0.1], list[float]()
    assert draft_lengths([sure, unsure, none], [1, 1, 1], 99, lambda tokens: 1.0) == [2, 2, 0]
    assert draft_lengths([sure, unsure, none], [1, 1, 1], 99, lambda tokens: float(tokens)) == [0, 0, 0]
    assert draft_lengths([sure, unsure, none], [1, 1, 1], 99, lambda tokens: 3.0 + 0.6 * (tokens - 3)) == [2, 0, 0]
    assert draft_lengths([sure, unsure, none], [1, 1, 1], 1, lambda tokens: 1.0) == [1, 0, 0]
    assert draft_lengths([sure, unsure, none], [1, 1, 1], -5, lambda tokens: 1.0) == [0, 0, 0]


def test_a_row_is_filled_with_any_guess_where_that_makes_the_step_shorter() -> None:
    assert draft_lengths([[0.01], [], []], [1, 1, 1], 9, lambda tokens: {3: 0.069, 4: 0.057}[tokens]) == [1, 0, 0]


def test_those_behind_their_siblings_are_tried_first() -> None:
    assert token_values([(7, 1)]) == [1] and token_values([(7, 1), (7, 3)]) == [1, 3] and token_values([]) == []
    ahead, behind = token_values([(40, 1), (20, 1)])
    assert behind > 1 > ahead and ahead + behind == 2
    assert draft_lengths([[0.9], [0.8]], [ahead, behind], 1, lambda tokens: 1.0) == [0, 1]
    assert draft_lengths([[0.9], [0.4]], [ahead, behind], 1, lambda tokens: 1.0) == [1, 0]  # not at any price


def test_a_token_of_many_seats_is_tried_before_a_surer_one_of_few() -> None:
    assert draft_lengths([[0.9], [0.6]], token_values([(9, 1), (9, 3)]), 1, lambda tokens: 1.0) == [0, 1]
