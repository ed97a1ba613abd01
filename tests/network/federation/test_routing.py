from __future__ import annotations

from collections import Counter

from local_swarm.errors import Busy, PeerFault
from local_swarm.network.federation.routing import NodeCapacity, key_of, node_for, seeds, shares, spreads
from local_swarm.network.federation.tally import Tally
from local_swarm.types import Candidate, Message, Prompt, Sampling, Usage

PROMPT = Prompt((Message("system", "s"), Message("user", "u")))
PEERS = [NodeCapacity("b", 5), NodeCapacity("c", 3)]


def prompt(**more: object) -> Prompt:
    return Prompt(PROMPT.messages, **more)  # type: ignore[arg-type]


def test_everybody_is_asked_for_all_they_have() -> None:
    assert shares(PROMPT, 5, PEERS) == {"b": 5, "c": 3}


def test_a_number_of_ballots_is_shared_out_after_our_own() -> None:
    assert shares(prompt(voices=5), 5, PEERS) == {}
    assert shares(prompt(voices=9), 5, PEERS) == {"b": 2, "c": 2}
    assert shares(prompt(voices=32), 5, PEERS) == {"b": 5, "c": 3}


def test_where_there_is_nothing_to_vote_on_nobody_is_asked() -> None:
    for alone in (prompt(voices=1), prompt(federate=False), prompt(sampling=Sampling(temperature=0.0))):
        assert shares(alone, 5, PEERS) == {}
    assert shares(PROMPT, 5, PEERS, fewest=3) == {} and shares(PROMPT, 5, []) == {}


def test_when_one_node_answers_alone() -> None:
    assert not spreads(PROMPT, "vote", 9, 2) and spreads(PROMPT, "spread", 0, 2)
    assert spreads(PROMPT, "auto", 3, 2) and not spreads(PROMPT, "auto", 2, 2)
    assert spreads(prompt(route=True), "vote", 0, 2) and not spreads(prompt(route=False), "spread", 0, 2)
    for never in (prompt(route=True, tools=({},)), prompt(route=True, federate=False)):
        assert not spreads(never, "spread", 9, 2)
    assert not spreads(prompt(route=True), "spread", 9, 0)


def test_conversations_stay_where_they_are_and_load_is_even() -> None:
    nodes = [NodeCapacity("a", 4), NodeCapacity("b", 4), NodeCapacity("c", 8)]
    homes = {key: node_for(key, nodes) for key in map(str, range(2000))}
    assert homes == {key: node_for(key, list(reversed(nodes))) for key in homes}
    counts = Counter(homes.values())
    assert abs(counts["c"] / 2000 - 0.5) < 0.05 and abs(counts["a"] / 2000 - 0.25) < 0.05
    without = {key: node_for(key, nodes[1:]) for key in homes}
    assert all(without[key] == home for key, home in homes.items() if home != "a")  # only those of the lost node move


def test_nobody_gets_much_more_than_its_share() -> None:
    loads = Counter[str]()
    for key in ["the same conversation"] * 40:
        loads[node_for(key, [NodeCapacity(name, 4, loads[name]) for name in "abcd"])] += 1
    assert max(loads.values()) <= 1.25 * 40 / 4 + 1


def test_a_conversation_without_a_session_is_known_by_how_it_began() -> None:
    longer = Prompt((*PROMPT.messages, Message("assistant", "x"), Message("user", "y")))
    assert key_of(PROMPT) == key_of(longer) != key_of(Prompt((Message("user", "other"),)))
    assert key_of(prompt(session="s")) == "s"


def test_seeds_differ_by_machine_and_are_the_same_for_the_same_request() -> None:
    names = {"b": "id of b", "c": "id of c"}
    assert seeds(names, 7) == seeds(names, 7) and len({7, *seeds(names, 7).values()}) == 3
    assert seeds(names, None) == {"b": None, "c": None}


# --------------------------------------------------------------------------------------------------- tally


def ballot() -> Candidate:
    return Candidate("x", "w", "stop", Usage(1, 1), 0.1)


def test_peers_are_waited_for_a_while_after_the_local_answer() -> None:
    tally = Tally("a", 1, {"b": 2})
    assert tally.patience(None, 300.0, 1800.0) == 1800.0
    tally.hear("a", ballot(), 10.0)
    tally.hear("a", None, 10.0)
    assert tally.patience(None, 300.0, 1800.0) == 15.0 and tally.patience(1.0, 300.0, 1800.0) == 11.0
    assert tally.missing == 2 and not tally.complete
    tally.hear("b", PeerFault("x", "late"), 11.0)
    assert not tally.outstanding
    assert [(one.name, one.ballots, one.state) for one in tally.turnouts] == [
        ("a", 1, "ok"),
        ("b", 0, "late"),
    ]


def test_a_quick_answer_gives_peers_two_seconds_and_a_failed_one_all_the_time_they_were_told() -> None:
    tally = Tally("a", 1, {"b": 2})
    tally.hear("a", None, 0.1)
    assert tally.patience(None, 300.0, 1800.0) == 2.1
    failed = Tally("a", 1, {"b": 2})
    failed.hear("a", Busy("x"), 0.1)
    assert failed.patience(None, 300.0, 1800.0) == 300.0
    assert isinstance(failed.problem, Busy)


def test_who_was_not_needed_is_not_blamed() -> None:
    tally = Tally("a", 1, {"b": 2})
    tally.give_up("ok")
    assert [one.state for one in tally.turnouts] == ["ok", "ok"] and not tally.faults
    late = Tally("a", 1, {"b": 2})
    late.give_up("late")
    assert late.faults == {"b": "slow"}
