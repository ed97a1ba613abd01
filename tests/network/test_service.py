"""What a federation needs to start, and what stands in its place on a node that runs alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_swarm.config import load
from local_swarm.errors import UsageError
from local_swarm.network.service import open_federation
from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.testing.scripted_node import node
from local_swarm.testing.scripted_swarm import scripted_swarm
from tests.network.conftest import QUICK, until

pytestmark = pytest.mark.anyio


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_node_alone_has_a_federation_that_does_nothing(tmp_path: Path) -> None:
    swarm = scripted_swarm(FakeBackend(), 1)
    config = load(None, {"network.enabled": False}, {})
    async with open_federation(config, swarm, "model", "hardware", tmp_path) as alone:
        assert not alone.enabled and alone.voice is swarm
        assert alone.peers() == [] and not alone.can_answer
        alone.stop_answering()
    assert names_in(tmp_path) == []


async def test_insecure_means_anybody_who_says_so_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with node("a", tmp_path / "a", QUICK, discovery="static", federation_port=0, insecure_lan=True) as a:
        assert "ANY machine" in caplog.text
        settings = {"discovery": "static", "federation_port": 0, "peers": f"127.0.0.1:{a.service.port}"}
        async with node("b", tmp_path / "b", QUICK, insecure_lan=True, **settings) as b:
            await until(lambda: len(b.service.directory.askable(9)) == 1)


async def test_an_impossible_address_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="host:port"):
        async with node("a", tmp_path, QUICK, discovery="static", federation_port=0, peers="a:b:c:d:e"):
            pass


async def test_a_port_in_use_is_replaced_by_another_one(tmp_path: Path) -> None:
    async with node("a", tmp_path / "a", QUICK, discovery="static", federation_port=0) as a:
        taken = a.service.port
        async with node("b", tmp_path / "b", QUICK, discovery="static", federation_port=taken) as b:
            assert b.service.port not in (0, taken)
            assert b.service.announcement.current().port == b.service.port
