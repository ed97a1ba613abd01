"""The embedding model is fetched where a user wishes for it: in the menu, or by `download`."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from rich.console import Console

from local_swarm.cli.menu import Menu
from local_swarm.models import starter
from local_swarm.models.embedding import CODE
from tests.cli.test_prepare import ROOT, advisor
from tests.models.hub_server import serving

HEADER = b'{"weight":{"dtype":"F32","shape":[250],"data_offsets":[0,1000]}}'
FILES = {
    "config.json": b"{}",
    "model.safetensors": len(HEADER).to_bytes(8, "little") + HEADER + bytes(1000),
    "1_Pooling/config.json": b"[]",
    "run.py": b"code",
}


def test_the_menu_offers_it_where_it_is_not_here_and_asks_on(tmp_path: Path) -> None:
    shown = Console(file=io.StringIO(), width=200)
    picked = Menu(advisor(tmp_path), shown, io.StringIO("6\n6\n4\n"), embedding=CODE).run()
    assert (picked.settings, picked.embedding) == ({"models.model": starter.NAME}, CODE)
    assert isinstance(shown.file, io.StringIO)
    assert shown.file.getvalue().count("Fetch the model for embeddings as well") == 1, "and offers it once"
    assert Menu(advisor(tmp_path), shown, io.StringIO("4\n"), embedding=CODE).run().embedding is None


@pytest.mark.skipif(not find_spec("sentence_transformers"), reason="sentence-transformers is not installed")
def test_download_fetches_it_and_a_second_time_asks_nobody(tmp_path: Path) -> None:
    settings = {**os.environ, "LOCAL_SWARM_HOME": str(tmp_path), "HF_HOME": str(tmp_path / "hub")}
    settings.pop("HF_HUB_OFFLINE", None)

    def download(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "local_swarm", "download", *words, "--json"],
            cwd=ROOT,
            env={**settings, **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    with serving({f"{CODE}/{name}": data for name, data in FILES.items()}) as hub:
        first = download("embedding", HF_ENDPOINT=hub.url)
    told = json.loads(first.stdout)
    assert Path(told["path"]).parent == tmp_path / "embeddings" and len(told["sha256"]) == 64
    assert told["bytes"] == sum(len(data) for name, data in FILES.items() if name != "run.py")
    for name in ("embedding", CODE, CODE.split("/")[1]):
        assert json.loads(download(name, LOCAL_SWARM_OFFLINE="1").stdout) == told
