"""What real clients send to a chat model, captured: all of it fits the starter model's context."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from local_swarm.api.chat import ChatRequest
from local_swarm.chat.template import ChatTemplate
from local_swarm.confined.process import Unconfined
from local_swarm.models import starter
from local_swarm.models.gguf import read_header

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")

from local_swarm.backends.llamacpp import library

CAPTURES = Path(__file__).parents[3] / "shared" / "data" / "clients"
TALKS = sorted(path for path in CAPTURES.glob("*.json") if '"messages"' in path.read_text(encoding="utf-8"))


@pytest.mark.skipif(not TALKS, reason=f"there are no captured requests in {CAPTURES}")
def test_every_captured_request_leaves_room_for_an_answer() -> None:
    header = read_header(starter.PATH)
    template = ChatTemplate(header.chat_template)
    library.open_library()
    model = library.LoadedModel(starter.PATH, gpu_layers=0)
    sizes = {}
    for path in TALKS:
        body = json.loads(path.read_text(encoding="utf-8"))["body"]
        if "image_url" not in json.dumps(body["messages"]):
            body = {key: body[key] for key in ("messages", "tools") if key in body}
            prompt = ChatRequest.model_validate(body).prompt(fast=False, session=None)
            sizes[path.stem] = len(model.tokenize(asyncio.run(template.render(prompt, Unconfined())).text))
    assert len(sizes) > 10 and header.context
    assert {name: size for name, size in sizes.items() if size > header.context - 1024} == {}
    model.close()
