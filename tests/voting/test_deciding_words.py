from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.voting.similarity.deciding_words import DIFFERENT, contradictions, kept_apart

AGAINST = [
    ("Run `git clean --dry-run` first.", "Run `git clean --force` first."),
    ("Keep the milk in the fridge at 4 degrees.", "Keep the milk in the fridge at 14 degrees."),
    ("Drink it before every meal with water.", "Drink it after every meal with water."),
    ("The option is enabled by default.", "The option is disabled by default."),
    ("The berry is safe to eat.", "The berry is not safe to eat."),
    ("You should restart the router.", "You shouldn't restart the router."),
    ("Serve it with cream.", "Serve it without cream."),
    ("Delete it by `rm -r / tmp`.", "Delete it by `rm -r ./tmp`."),
    ("Edit /etc/hosts and add a line.", "Edit /etc/fstab and add a line."),
    ("Call `insort_left` here.", "Call `insort_right` here."),
    ("Type `git revert HEAD`.", "Type `git reset HEAD`."),
    ("It needs Python 3.11 to run.", "It needs Python 3.9 to run."),
    ("Water freezes at 0 °C.", "Water freezes at 0 °F."),
    ("The bridge is 300 m long.", "The bridge is 300 feet long."),
    ("The wall fell in 1989.", "The wall fell in 1990."),
    ("Take two pills a day.", "Take three pills a day."),
    ("Sort them in ascending order.", "Sort them in descending order."),
    ("Yes, you may.", "No, you may not."),
    ("Der Laden ist heute offen.", "Der Laden ist heute nicht offen."),
]
TOGETHER = [
    (
        "Keep the milk in the fridge at 4 degrees for 2 days.",
        "In the fridge at 4 degrees it keeps for two days at most.",
    ),
    ("Take no more than two pills a day.", "Take at most two pills a day."),
    ("Run `git clean --dry-run`.", "Run `git clean --dry-run`, it lists the 3 files that would go."),
    ("Use let, not var.", "Do not use var; use let."),
    ("Choose `--soft`, not `--hard`.", "Choose `--soft`."),
    ("Knead for ten minutes, let it rise, bake.", "Let it rise for 60 minutes, then knead and bake it."),
    ("ls -lhS", "ls -S -l -h"),
    ("Use `-h` to see what it offers.", "Use `--help` to see what it offers."),
    ("The tower is 300 m (984 feet) tall.", "The tower is 300 metres tall."),
    ("It has 1,000 rooms.", "It has 1000 rooms."),
    ("Run `sha256sum FILE`.", "Run `sha256sum <file>`."),
    ("1. Mix it.\n2. Bake it.", "Step 1: Mix it.\nStep 3: Bake it."),
    ("Simmer for 10-15 minutes.", "Simmer for 15 minutes."),
    ("No light can leave it.", "Nothing, not even light, can leave it."),
    ("Lima is the capital, with 10 million people.", "The capital is Lima, founded in 1535."),
    ("Don't forget to stir.", "Stir it."),
]


@pytest.mark.parametrize(("one", "other"), AGAINST)
def test_texts_that_differ_in_a_deciding_word_contradict(one: str, other: str) -> None:
    assert contradictions([one, other])[0, 1]


@pytest.mark.parametrize(("one", "other"), TOGETHER)
def test_texts_of_which_one_only_says_more_or_says_it_otherwise_do_not(one: str, other: str) -> None:
    assert not contradictions([one, other])[0, 1]


@given(st.lists(st.text(alphabet="not 45 --ab before after `/.km", max_size=40), max_size=4))
def test_contradictions_have_two_sides_and_none_is_with_itself(texts: list[str]) -> None:
    found = contradictions(texts)
    assert (found == found.T).all()
    assert not contradictions([text for text in texts for _ in (0, 1)])[::2, 1::2].diagonal().any()


def test_who_contradicts_is_not_alike() -> None:
    found = kept_apart(np.ones((3, 3)), ["It is on.", "It is off.", "It is on."])
    assert found.tolist() == [[1, DIFFERENT, 1], [DIFFERENT, 1, DIFFERENT], [1, DIFFERENT, 1]]
