"""The process of a Transformers engine: commands on standard input, reports on standard output, until the input closes.

Started by `process.supervisor` as `python -m local_swarm.backends.transformers.child '{"path": ...}'`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from local_swarm.backends.lockstep.engine import LockstepEngine
from local_swarm.backends.lockstep.vocabulary import Vocabulary
from local_swarm.backends.process import messages
from local_swarm.backends.process.child import main
from local_swarm.backends.process.engine import LoadedEngine


def load(options: messages.Load) -> LoadedEngine:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # what is to be fetched was fetched by the daemon
    import torch

    from local_swarm.backends.transformers.model import TransformersModel

    torch.set_num_threads(max(1, options.threads))
    folder, own = Path(options.path), options.options
    vocabulary = Vocabulary(folder)
    network = TransformersModel(
        folder,
        device=own.get("device", "auto"),
        dtype=own.get("dtype", "auto"),
        quantization=own.get("quantization"),
        adapters=[(Path(path), weight) for path, weight in options.adapters],
    )
    engine = LockstepEngine(network, vocabulary, options)
    engine.warm_up()
    return engine, engine.loaded_report()


if __name__ == "__main__":
    sys.exit(main(load, ["torch", "transformers"]))
