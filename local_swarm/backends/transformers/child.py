"""The process of a Transformers engine: commands on standard input, reports on standard output, until the input closes.

Started by `host` as `python -m local_swarm.backends.transformers.child '{"path": ...}'`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO

from local_swarm.backends.lockstep.engine import LockstepEngine
from local_swarm.backends.lockstep.vocabulary import Vocabulary
from local_swarm.backends.process import messages
from local_swarm.backends.process.child import main, send_reports


def load(wish: messages.Load, reports: BinaryIO) -> LockstepEngine:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # what is to be fetched was fetched by the daemon
    import torch

    from local_swarm.backends.transformers.model import TransformersModel

    torch.set_num_threads(max(1, wish.threads))
    folder, options = Path(wish.path), wish.options
    vocabulary = Vocabulary(folder)
    network = TransformersModel(
        folder,
        options.get("device", "auto"),
        options.get("dtype", "auto"),
        options.get("quantization"),
        [(Path(path), weight) for path, weight in wish.adapters],
    )
    engine = LockstepEngine(network, vocabulary, wish)
    engine.warm_up()
    send_reports(
        reports,
        [
            messages.Loaded(
                wish.context,
                wish.answer_tokens,
                network.parameters,
                vocabulary.bos,
                vocabulary.eos,
                network.on_gpu,
            )
        ],
    )
    return engine


if __name__ == "__main__":
    sys.exit(main(load))
