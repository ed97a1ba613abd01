"""A running swarm in, settings for other clients out, as text to paste. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable

import yaml

from local_swarm.integrations.running import RunningSwarm
from local_swarm.types import VOTE


def aider_settings(swarm: RunningSwarm) -> str:
    facts = {
        "max_input_tokens": swarm.context,
        "max_output_tokens": swarm.answer_tokens,
        "litellm_provider": "openai",
        "mode": "chat",
    }
    return (
        "# in the shell\n"
        f"export OPENAI_API_BASE={swarm.url} OPENAI_API_KEY={swarm.key}\n"
        f"aider --model openai/{VOTE} --no-show-model-warnings\n\n"
        "# .aider.model.metadata.json, so that it knows the limits\n" + json.dumps({f"openai/{VOTE}": facts}, indent=2)
    )


def llm_settings(swarm: RunningSwarm) -> str:
    model = {
        "model_id": VOTE,
        "model_name": VOTE,
        "api_base": swarm.url,
        "supports_tools": True,
        "supports_schema": True,
    }
    return (
        '# extra-openai-models.yaml in the folder that `dirname "$(llm logs path)"` prints\n'
        + yaml.safe_dump([model], sort_keys=False)
        + f"# then: llm keys set openai   (to {swarm.key})\n# and:  llm -m {VOTE} 'a question'"
    )


def continue_settings(swarm: RunningSwarm) -> str:
    model = {
        "name": "Local Swarm",
        "provider": "openai",
        "model": VOTE,
        "apiBase": swarm.url,
        "apiKey": swarm.key,
        "roles": ["chat", "edit", "apply"],
        "capabilities": ["tool_use"],
        "defaultCompletionOptions": {"contextLength": swarm.context, "maxTokens": swarm.answer_tokens},
    }
    return "# ~/.continue/config.yaml\n" + yaml.safe_dump(
        {"name": "Local Swarm", "version": "1.0.0", "schema": "v1", "models": [model]}, sort_keys=False
    )


def zed_settings(swarm: RunningSwarm) -> str:
    can = {"tools": True, "images": False, "parallel_tool_calls": True, "prompt_cache_key": True}
    model = {"name": VOTE, "max_tokens": swarm.context, "max_output_tokens": swarm.answer_tokens, "capabilities": can}
    settings = {
        "language_models": {"openai_compatible": {"Local Swarm": {"api_url": swarm.url, "available_models": [model]}}}
    }
    return "// Zed's settings.json; the key goes into LOCAL_SWARM_API_KEY\n" + json.dumps(settings, indent=2)


SNIPPETS: dict[str, Callable[[RunningSwarm], str]] = {
    "aider": aider_settings,
    "llm": llm_settings,
    "continue": continue_settings,
    "zed": zed_settings,
}
