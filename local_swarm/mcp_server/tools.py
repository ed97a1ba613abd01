"""The tools that assistants see, as values: names, what they take, what they give. Knows neither MCP's transports nor the swarm.

Descriptions are read by models and cost them tokens, so they are short and say when to use what.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import mcp_types
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import GenerateJsonSchema

from local_swarm.limits import MOST_VOICES
from local_swarm.types import Strategy

MOST_ANSWERS = 64
MOST_TEXTS = 256


class Untitled(GenerateJsonSchema):
    """Schemas without the titles that pydantic makes of names: they say nothing new."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class Value(BaseModel):
    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Its JSON schema."""
        schema = cls.model_json_schema(schema_generator=Untitled)
        for part in (schema, *schema.get("$defs", {}).values()):
            part.pop("title", None)
            part.pop("description", None)
        return schema


# ----------------------------------------------------------------------------------------------- what tools take

MaxTokensField = Annotated[int | None, Field(ge=1, description="Longest answer, in tokens.")]
TemperatureField = Annotated[
    float | None, Field(ge=0, le=2, description="Of all workers but the first; 0 asks one worker, without a vote.")
]
StrategyField = Annotated[Strategy | None, Field(description="How to vote; leave it out unless you were told.")]
Voices = Annotated[int | None, Field(ge=1, le=MOST_VOICES, description="How many workers answer; all without it.")]


class NoArguments(Value):
    pass


class CodeArguments(Value):
    prompt: Annotated[str, Field(min_length=1, description="What the code must do, complete in itself.")]
    max_tokens: MaxTokensField = None
    temperature: TemperatureField = None
    strategy: StrategyField = None
    workers: Voices = None


class GenerateArguments(Value):
    prompt: Annotated[str, Field(min_length=1, description="The question, complete in itself.")]
    system: Annotated[str | None, Field(description="Instructions that go before it.")] = None
    max_tokens: MaxTokensField = None
    temperature: TemperatureField = None
    strategy: StrategyField = None
    workers: Voices = None


class CompareArguments(Value):
    answers: Annotated[list[str], Field(min_length=1, max_length=MOST_ANSWERS, description="The answers to compare.")]
    prompt: Annotated[str, Field(description="The question that they answer; examples in it are used as tests.")] = ""
    strategy: StrategyField = None


class EmbedArguments(Value):
    texts: Annotated[list[str], Field(min_length=1, max_length=MOST_TEXTS)]


# ----------------------------------------------------------------------------------------------- what tools give


class HardwareResult(Value):
    model_config = ConfigDict(extra="allow")
    os: str
    arch: str
    cpu: dict[str, Any]
    memory: dict[str, Any]
    accelerators: list[dict[str, Any]]
    available_for_models_bytes: int | None


class StatusResult(Value):
    running: bool
    model: str | None = None
    healthy_workers: int = 0
    total_workers: int = 0
    memory_bytes: int | None = None
    peers: list[dict[str, Any]] = []
    note: str | None = None


class Alternative(Value):
    """An answer that lost: how many workers said it, and its beginning."""

    workers: int
    text: str
    shortened: bool = False


class VerdictFields(TypedDict):
    """The fields that every vote's result has, as in `SwarmInfo`; `latency_s` is `seconds` there."""

    agreement: float
    strategy: str
    candidates: int
    latency_s: float
    note: str | None


class CodeResult(Value):
    agreement: float
    strategy: str
    candidates: int
    latency_s: float
    code: str
    text: str
    alternatives: list[Alternative]
    note: str | None = None


class AnswerResult(Value):
    agreement: float
    strategy: str
    candidates: int
    latency_s: float
    text: str
    alternatives: list[Alternative]
    note: str | None = None


class ComparisonResult(Value):
    winner: int
    agreement: float
    strategy: str
    clusters: list[list[int]]
    latency_s: float
    text: str
    note: str | None = None


class VectorsResult(Value):
    model: str
    dimensions: int
    vectors: list[list[float]]
    note: str | None = None


class SizeResult(Value):
    size: str
    quantizations: list[str]
    fits: bool
    on_disk: bool


class ModelResult(Value):
    id: str
    variants: list[SizeResult]
    fits: bool
    on_disk: bool


class ModelsResult(Value):
    models: list[ModelResult]


class WorkerResult(Value):
    id: str
    engine: str
    healthy: bool
    requests: int
    average_latency_s: float | None
    tokens_per_s: float | None


class WorkersResult(Value):
    workers: list[WorkerResult]


# ----------------------------------------------------------------------------------------------------- the tools


@dataclass(frozen=True, slots=True)
class Tool:
    """`input` is the type of its arguments, `output` that of its structured result."""

    name: str
    title: str
    description: str
    input: type[Value]
    output: type[Value]

    @property
    def listed(self) -> mcp_types.Tool:
        """Its entry in MCP's list of tools. No tool changes anything or reaches beyond the local network."""
        hints = mcp_types.ToolAnnotations(
            read_only_hint=True, destructive_hint=False, idempotent_hint=False, open_world_hint=False
        )
        return mcp_types.Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=self.input.json_schema(),
            output_schema=self.output.json_schema(),
            annotations=hints,
        )


TOOLS: Mapping[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            "generate_code",
            "Generate code by vote",
            "Several local models write the code and vote by what it does. Gives the winner, how sure the vote is "
            "(agreement, 0 to 1) and what the dissenters wrote. It sees nothing but the prompt. May take minutes.",
            CodeArguments,
            CodeResult,
        ),
        Tool(
            "ask_swarm",
            "Ask the swarm",
            "Several local models answer any question and vote. Gives the winner, the agreement (0 to 1) and what the "
            "dissenters said. Nothing leaves the local network. May take minutes.",
            GenerateArguments,
            AnswerResult,
        ),
        Tool(
            "compare_answers",
            "Compare answers",
            "Holds the vote over answers that you bring, without asking any model: which of them say the same, and which is "
            "best supported. Code is run in a sandbox and compared by what it does.",
            CompareArguments,
            ComparisonResult,
        ),
        Tool("embed", "Embed texts", "Vectors of length 1 for texts.", EmbedArguments, VectorsResult),
        Tool(
            "get_swarm_status",
            "Swarm status",
            "Whether the swarm runs, its model, workers, memory and peers.",
            NoArguments,
            StatusResult,
        ),
        Tool(
            "get_worker_details",
            "Worker details",
            "Health, requests, latency and speed of every worker.",
            NoArguments,
            WorkersResult,
        ),
        Tool(
            "get_hardware_info",
            "Hardware",
            "What this machine computes with, and how much memory models may use.",
            NoArguments,
            HardwareResult,
        ),
        Tool(
            "list_available_models",
            "Available models",
            "The catalogue: what fits this machine and what is on its disk.",
            NoArguments,
            ModelsResult,
        ),
    )
}
