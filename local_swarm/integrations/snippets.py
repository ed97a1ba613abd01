"""What runs in, settings for other clients out, as text to paste. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable

import yaml

from local_swarm.api.schemas import VOTE
from local_swarm.integrations.running import RunningSwarm


def aider_settings(what: RunningSwarm) -> str:
    facts = {
        "max_input_tokens": what.context,
        "max_output_tokens": what.answer_tokens,
        "litellm_provider": "openai",
        "mode": "chat",
    }
    return (
        "# in the shell\n"
        f"export OPENAI_API_BASE={what.url} OPENAI_API_KEY={what.key}\n"
        f"aider --model openai/{VOTE} --no-show-model-warnings\n\n"
        "# .aider.model.metadata.json, so that it knows the limits\n" + json.dumps({f"openai/{VOTE}": facts}, indent=2)
    )


def llm_settings(what: RunningSwarm) -> str:
    model = {
        "model_id": VOTE,
        "model_name": VOTE,
        "api_base": what.url,
        "supports_tools": True,
        "supports_schema": True,
    }
    return (
        '# extra-openai-models.yaml in the folder that `dirname "$(llm logs path)"` prints\n'
        + yaml.safe_dump([model], sort_keys=False)
        + f"# then: llm keys set openai   (to {what.key})\n# and:  llm -m {VOTE} 'a question'"
    )


def continue_settings(what: RunningSwarm) -> str:
    model = {
        "name": "Local Swarm",
        "provider": "openai",
        "model": VOTE,
        "apiBase": what.url,
        "apiKey": what.key,
        "roles": ["chat", "edit", "apply"],
        "capabilities": ["tool_use"],
        "defaultCompletionOptions": {"contextLength": what.context, "maxTokens": what.answer_tokens},
    }
    return "# ~/.continue/config.yaml\n" + yaml.safe_dump(
        {"name": "Local Swarm", "version": "1.0.0", "schema": "v1", "models": [model]}, sort_keys=False
    )


def zed_settings(what: RunningSwarm) -> str:
    can = {"tools": True, "images": False, "parallel_tool_calls": True, "prompt_cache_key": True}
    model = {"name": VOTE, "max_tokens": what.context, "max_output_tokens": what.answer_tokens, "capabilities": can}
    settings = {
        "language_models": {"openai_compatible": {"Local Swarm": {"api_url": what.url, "available_models": [model]}}}
    }
    return "// Zed's settings.json; the key goes into LOCAL_SWARM_API_KEY\n" + json.dumps(settings, indent=2)


SNIPPETS: dict[str, Callable[[RunningSwarm], str]] = {
    "aider": aider_settings,
    "llm": llm_settings,
    "continue": continue_settings,
    "zed": zed_settings,
}
