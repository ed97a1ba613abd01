"""The process of a vLLM engine: commands on standard input, reports on standard output, until the input closes.

Started by `process.supervisor` as `python -m local_swarm.backends.vllm.child '{"path": ...}'`. Not run on vLLM itself
yet.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from local_swarm.backends.lockstep.vocabulary import Vocabulary
from local_swarm.backends.process import messages
from local_swarm.backends.process.child import main
from local_swarm.backends.process.engine import LoadedEngine
from local_swarm.backends.vllm.engine import VllmEngine
from local_swarm.errors import BadModelFile

NAMES = {"repeat_penalty": "repetition_penalty"}  # ours to vLLM's, where they differ


def load(options: messages.Load) -> LoadedEngine:
    from vllm import EngineArgs, LLMEngine

    folder, own = Path(options.path), options.options
    vocabulary = Vocabulary(folder)
    quantization = {"quantization": "bitsandbytes"} if own.get("quantization") else {}
    try:
        lower = LLMEngine.from_engine_args(
            EngineArgs(
                model=str(folder),
                dtype=own.get("dtype", "auto"),
                max_model_len=options.context,
                max_num_seqs=options.sequences,
                enable_prefix_caching=True,
                trust_remote_code=False,
                **quantization,
            )
        )
    except (ValueError, RuntimeError, OSError) as problem:
        raise BadModelFile(f"vLLM cannot load {folder}: {' '.join(str(problem).split())[:300]}") from problem
    loaded = messages.Loaded(
        context=options.context,
        answer_tokens=options.answer_tokens,
        parameters=0,
        bos=vocabulary.bos,
        eos=vocabulary.eos,
        on_gpu=True,
    )
    return VllmEngine(lower, vocabulary, options.context, options.answer_tokens, sampling), loaded


def sampling(order: messages.Generate, seat: int, limit: int) -> Any:
    """vLLM's parameters for one seat. Raises ValueError for a schema it does not take."""
    from vllm import SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    given = {NAMES.get(name, name): value for name, value in order.sampling.items()}
    if "top_k" in given:
        given["top_k"] = int(given["top_k"])
    rules = {"structured_outputs": StructuredOutputsParams(json=json.loads(order.schema))} if order.schema else {}
    return SamplingParams(
        temperature=order.temperatures[seat],
        seed=order.seeds[seat],
        max_tokens=limit,
        stop=None if order.parted else order.stop or None,  # vLLM would find them among thoughts too
        logprobs=max(1, order.logprobs or 0),
        logit_bias=dict(order.bias) or None,
        **given,
        **rules,
    )


if __name__ == "__main__":
    sys.exit(main(load, ["vllm"]))
