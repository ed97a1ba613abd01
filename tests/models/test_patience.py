"""How long a trouble is borne: by what the other side asks for, by pauses that grow, and less where nobody ever answered."""

from __future__ import annotations

import pytest

from local_swarm.errors import DownloadFailed
from local_swarm.models.patience import LONGEST_WISH_S, MOST_WAITED_S, PAUSES_S, Passing, Patience, Pause


def recorder(pauses: list[float]) -> Pause:
    """A pause that is over at once."""

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    return pause


def borne(trouble: Passing, most: int = 10_000, met: bool = True) -> list[float]:
    """The pauses until patience ends."""
    pauses: list[float] = []
    patience = Patience(recorder(pauses), met=met)
    for _ in range(most):
        if not patience.bear(trouble):
            break
    return pauses


def test_pauses_grow_and_end() -> None:
    assert borne(Passing("x")) == list(PAUSES_S)


def test_who_never_answered_is_given_up_sooner() -> None:
    assert sum(borne(Passing("x", reached=False), met=False)) < 4 < sum(borne(Passing("x", reached=False)))


def test_what_the_other_side_asks_for_is_waited_up_to_a_bound() -> None:
    assert borne(Passing("x", 40.0)) == [40.0] * int(MOST_WAITED_S / 40)
    assert borne(Passing("x", LONGEST_WISH_S + 1)) == []
    assert len(borne(Passing("x", 0.0))) == len(PAUSES_S), "who asks for no wait is not asked for ever"


def test_after_something_came_it_goes_on_at_once_and_all_is_forgotten() -> None:
    pauses: list[float] = []
    patience = Patience(recorder(pauses))
    for _ in range(100):
        assert patience.bear(Passing("x")) and patience.bear(Passing("x"))
        patience.progress()
    assert pauses[2:] == [0.0, PAUSES_S[0]] * 99


def test_each_wait_is_said_and_an_interrupted_one_ends_it() -> None:
    notes: list[str] = []
    with pytest.raises(DownloadFailed, match="was stopped"):
        Patience(lambda _: True, notes.append).bear(Passing("the hub answers HTTP 429", 7.0))
    assert notes == ["the hub answers HTTP 429; trying again in 7 s"]
