"""What the start says of privacy is true of each configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local_swarm.cli.banner import reach_of
from local_swarm.config import load
from local_swarm.launch import make_launch
from local_swarm.models import starter
from local_swarm.network.service import NoFederation
from local_swarm.node import assemble, connect
from local_swarm.privacy import KEPT, Reach, describe_reach

FAR, NEAR, OWN = "https://user:secret@api.example.com/v1", "http://192.168.1.4:1234/v1", "http://127.0.0.1:11434/v1"
HEARD = "The local network hears its name, model and hardware."


@pytest.mark.parametrize(
    ("reach", "said"),
    [
        (Reach(), f"{KEPT}."),
        (Reach(paired=True, announced=True), f"{KEPT} but what paired machines are asked and told. {HEARD}"),
        (Reach(paired=True), f"{KEPT} but what paired machines are asked and told."),
        (Reach(api_host="0.0.0.0"), f"{KEPT}. Other machines may call it with its key."),
        (Reach((FAR, FAR)), "Questions may go to servers beyond this machine: api.example.com."),
        (
            Reach((FAR, NEAR), offline=True),
            "Questions may go to servers beyond this machine: api.example.com, 192.168.1.4:1234. "
            "LOCAL_SWARM_OFFLINE refuses those outside the local network.",
        ),
        (Reach((OWN,)), "Questions may go to servers of this machine, which are not ours: 127.0.0.1:11434."),
    ],
)
def test_one_line_says_what_may_leave(reach: Reach, said: str) -> None:
    assert describe_reach(reach) == said


@pytest.mark.parametrize(
    "reach",
    [
        Reach((FAR,)),
        Reach((NEAR,), paired=True),
        Reach((OWN,)),
        Reach(paired=True, announced=True, open_to_network=True),
    ],
)
def test_nothing_is_claimed_to_stay_where_it_may_go(reach: Reach) -> None:
    assert KEPT not in describe_reach(reach) and "secret" not in describe_reach(reach)


FALLBACK = """
members:
  - {engine: llamacpp, model: local-swarm-starter, workers: 2}
fallback:
  providers:
    - {name: swarm, swarm: true}
    - {name: far, url: https://api.example.com/v1, model: theirs, priority: 2}
"""


def reach(folder: Path, monkeypatch: pytest.MonkeyPatch, **flags: Any) -> Reach:
    monkeypatch.setenv("LOCAL_SWARM_HOME", str(folder / "home"))
    monkeypatch.delenv("LOCAL_SWARM_OFFLINE", raising=False)
    config = load(None, {"models.model": starter.NAME, **flags}, environment={})
    local = assemble(make_launch(config))
    return reach_of(connect(local, NoFederation(local.swarm)), config)


def test_it_is_read_off_what_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    alone = {"network.enabled": False}
    assert reach(tmp_path, monkeypatch, **alone) == Reach()
    assert reach(tmp_path, monkeypatch) == Reach(paired=True, announced=True)
    assert reach(tmp_path, monkeypatch, **{"federation.discovery.method": "static"}) == Reach(paired=True)
    assert reach(tmp_path, monkeypatch, **{"network.insecure_lan": True}).open_to_network
    assert reach(tmp_path, monkeypatch, **{**alone, "server.host": "0.0.0.0"}).api_host == "0.0.0.0"
    (tmp_path / "roster.yaml").write_text(FALLBACK, encoding="utf-8")
    wish = {**alone, "swarm.roster": str(tmp_path / "roster.yaml")}
    assert reach(tmp_path, monkeypatch, **wish).servers == ("https://api.example.com/v1",)
