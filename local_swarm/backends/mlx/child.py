"""The process of an MLX engine: commands on standard input, reports on standard output, until the input closes.

Started by `host` as `python -m local_swarm.backends.mlx.child '{"path": ...}'`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

from local_swarm.backends.lockstep.engine import LockstepEngine
from local_swarm.backends.lockstep.vocabulary import Vocabulary
from local_swarm.backends.process import messages
from local_swarm.backends.process.child import main, send_reports


def load(wish: messages.Load, reports: BinaryIO) -> LockstepEngine:
    from local_swarm.backends.mlx.model import MlxModel, hold_in_memory

    hold_in_memory()
    folder = Path(wish.path)
    vocabulary = Vocabulary(folder)
    network = MlxModel(folder, [(Path(path), weight) for path, weight in wish.adapters])
    engine = LockstepEngine(network, vocabulary, wish)
    engine.warm_up()
    note = None if network.on_gpu else "MLX computes on the processor here, which is slow."
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
                note,
            )
        ],
    )
    return engine


if __name__ == "__main__":
    sys.exit(main(load))
