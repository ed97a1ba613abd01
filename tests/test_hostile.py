"""The attack of `scripts/hostile.py` for some seconds: hostile clients, a hostile member and a hostile model file.

Bounds on time are generous here, since machines that run tests are busy; the script itself has the real ones.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hostile_clients import attacks, files, member, stages
from hostile_clients.clients import Bout, Sent
from hostile_clients.daemons import Held
from hostile_clients.honest import Asked, Looks
from hostile_clients.stages import Wish
from hostile_clients.verdict import Bounds, Seen, broken, figures

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")

HERE = Bounds(health_ms=500.0, slowest_ms=5_000.0)
posix = pytest.mark.skipif(sys.platform == "win32", reason="the attack looks at processes as POSIX has them")


def wish_in(folder: Path, seconds: float, clients: int = 4) -> Wish:
    """One in which models have little to read, since a busy machine takes minutes for much."""
    return Wish(folder, Bout(clients, seconds, seed=1, longest=1_000), workers=3)


@pytest.mark.soak
@posix
def test_honest_users_are_answered_while_hostile_clients_send(tmp_path: Path) -> None:
    seen = asyncio.run(stages.users(wish_in(tmp_path, 15.0), print))
    assert broken(seen, HERE) == []
    assert len(seen.sent) > 8 and len(seen.asked) > 2


@pytest.mark.soak
@posix
def test_a_hostile_member_takes_nothing_from_the_users_of_another(tmp_path: Path) -> None:
    seen = asyncio.run(stages.federation(wish_in(tmp_path, 10.0), print))
    assert broken(seen, HERE) == []
    assert seen.asked


@pytest.mark.soak
@posix
def test_a_model_file_with_a_hostile_template_harms_its_own_requests_alone(tmp_path: Path) -> None:
    template = files.LOOP * 3 + "{{ i }}" + "{% endfor %}" * 3
    options = ["--model", str(files.model_file(tmp_path / "hostile.gguf", template)), "--no-federation"]
    seen = asyncio.run(stages.of_model("loops", tmp_path / "home", options))
    assert {one.outcome for one in seen.sent} == {"400"}
    assert broken(seen, HERE) == []


def test_the_dice_draw_requests_of_every_kind_and_the_same_ones_for_the_same_seed() -> None:
    def names(seed: int) -> list[str]:
        dice = random.Random(seed)
        return [attacks.drawn(dice, mcp=True).name for _ in range(120)]

    assert names(1) == names(1) != names(2)
    kinds = {name.split(":")[0].split(" ")[0] for name in names(1)}
    assert kinds >= {"prompt", "schema", "tool", "surrogate", "size", "body", "client", "compare"}


def test_every_hostile_ballot_can_be_written() -> None:
    assert all(isinstance(line(), bytes) for line in member.LINES.values())


NOW = time.time()
QUIET = Seen(
    asked=[Asked("code", NOW, 0.1, None)], looks=Looks([0.01] * 100, {"200": 100}), held={"daemon": Held(100, 120, 110)}
)


def test_nothing_is_broken_where_nothing_happened() -> None:
    assert broken(QUIET, Bounds()) == []
    assert figures(QUIET)["honest"]["answered"] == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"asked": [Asked("code", NOW, 0.1, "status 503")]}, "honest question failed: code: status 503"),
        ({"looks": Looks([0.01] * 97 + [0.5] * 3, {"200": 100})}, "/health took 500.0 ms at the 99th"),
        ({"looks": Looks([0.01] * 100, {"200": 99, "503": 1})}, "did not always answer 200"),
        ({"sent": [Sent("a", NOW, NOW + 1, "500", "x")]}, "ended with 500: a"),
        ({"sent": [Sent("a", NOW, NOW + 1, "503", "")]}, "ended with 503: a"),
        ({"sent": [Sent("a", NOW, NOW + 1, "hung")]}, "ended with hung: a"),
        ({"sent": [Sent("a", NOW, NOW + 1, "cut")]}, "ended with cut: a"),
        ({"deaths": [NOW]}, "The engine died"),
        ({"sent": [Sent("a", NOW - 1, NOW, "400")], "deaths": [NOW, NOW + 1]}, "The engine died"),
        ({"held": {"engine": Held(100, 9_000, 100)}}, "held 9000 MiB"),
        ({"held": {"daemon": Held(100, 500, 500)}}, "grew from 100 to 500"),
        ({"troubles": ["1 times: TypeError"]}, "log says: 1 times: TypeError"),
        ({"stop_s": 10.0}, "did not end within"),
        ({"left": ["engine"]}, "outlived the daemon: engine"),
        ({"mishaps": ["The moon fell."]}, "The moon fell."),
    ],
)
def test_each_bound_that_is_broken_is_told(change: dict[str, object], words: str) -> None:
    found = broken(replace(QUIET, **change), Bounds())  # type: ignore[arg-type]
    assert len(found) == 1 and words in found[0]


def test_an_engine_may_die_of_the_request_that_was_refused_for_it() -> None:
    sent = [Sent("a", NOW - 1, NOW, "400"), Sent("b", NOW - 1, NOW + 5, "503", '{"message": "busy"}')]
    assert broken(replace(QUIET, sent=sent, deaths=[NOW, NOW + 5]), Bounds()) == []


@pytest.mark.parametrize("name", sorted(files.TEMPLATES))
def test_a_hostile_template_fits_the_place_of_the_real_one(tmp_path: Path, name: str) -> None:
    from local_swarm.models import starter

    made = files.model_file(tmp_path / "model.gguf", files.TEMPLATES[name])
    assert made.stat().st_size == starter.PATH.stat().st_size and made.read_bytes() != starter.PATH.read_bytes()
