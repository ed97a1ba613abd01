"""The API's own description: every route and every field of an answer is in `/openapi.json`, and `docs/api.md` says the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from local_swarm.api.chat import ChatCompletion
from local_swarm.api.completions import TextCompletion
from local_swarm.api.documented import create_documented_app
from local_swarm.api.embeddings import VectorList
from local_swarm.api.health import HealthInfo
from local_swarm.api.middleware import endpoint_of
from local_swarm.api.models import ModelList
from local_swarm.api.responses import ResponseBody
from local_swarm.api.swarm_info import BallotInfo, NodeInfo, SwarmInfo, TriedProvider
from local_swarm.api.swarm_state import SwarmState

API = Path(__file__).parent.parent.parent / "docs" / "api.md"
RECORDED = Path(__file__).parent / "recorded"
DESCRIBED = (SwarmInfo, NodeInfo, TriedProvider, BallotInfo)


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    return create_documented_app().openapi()


def table_of(model: type[BaseModel]) -> str:
    rows = [f"| `{name}` | {field.description} |" for name, field in model.model_fields.items()]
    return "\n".join(["| field | meaning |", "|---|---|", *rows])


@pytest.mark.parametrize("model", DESCRIBED)
def test_the_document_lists_every_field_of_the_swarm_object(model: type[BaseModel]) -> None:
    assert table_of(model) in API.read_text(encoding="utf-8"), table_of(model)


@pytest.mark.parametrize("model", DESCRIBED)
def test_every_field_of_the_swarm_object_has_a_description_in_openapi(
    description: dict[str, Any], model: type[BaseModel]
) -> None:
    properties = description["components"]["schemas"][model.__name__]["properties"]
    assert list(properties) == list(model.model_fields)
    assert all(about["description"].endswith(".") for about in properties.values())


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/responses"])
def test_an_answers_description_has_the_swarm_object(description: dict[str, Any], path: str) -> None:
    answer = description["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    name = answer["$ref"].rpartition("/")[2]
    assert "SwarmInfo" in json.dumps(description["components"]["schemas"][name]["properties"]["swarm"])


def test_routes_that_only_some_nodes_have_are_described_too(description: dict[str, Any]) -> None:
    routes = {"/v1/providers", "/v1/swarm/control/join", "/v1/swarm/events", "/v1/swarm/elections/{number}"}
    assert routes <= set(description["paths"])


def test_the_document_lists_every_endpoint_but_those_of_our_own_commands(description: dict[str, Any]) -> None:
    table = API.read_text(encoding="utf-8").partition("## Endpoints")[2].partition("\n## ")[0]
    listed = re.findall(r"`([A-Z]+ /\S*)`", table)
    routes = {f"{verb.upper()} {path}" for path, verbs in description["paths"].items() for verb in verbs}
    assert sorted(listed) == sorted(route for route in routes if "/v1/swarm/control/" not in route)


def test_the_metrics_count_every_endpoint_under_its_own_name(description: dict[str, Any]) -> None:
    assert [path for path in description["paths"] if endpoint_of(path) == "other"] == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("chat", ChatCompletion),
        ("chat_in_full", ChatCompletion),
        ("completions", TextCompletion),
        ("responses", ResponseBody),
        ("responses_in_full", ResponseBody),
        ("embeddings", VectorList),
        ("models", ModelList),
        ("health", HealthInfo),
        ("swarm", SwarmState),
    ],
)
def test_answers_are_what_the_description_says(name: str, kind: Any) -> None:
    body = (RECORDED / f"{name}.txt").read_text(encoding="utf-8").split("\n")[1]
    TypeAdapter(kind).validate_json(body)
