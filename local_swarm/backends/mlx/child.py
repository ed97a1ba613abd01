"""The process of an MLX engine: commands on standard input, reports on standard output, until the input closes.

Started by `process.supervisor` as `python -m local_swarm.backends.mlx.child '{"path": ...}'`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from local_swarm.backends.lockstep.engine import LockstepEngine
from local_swarm.backends.lockstep.vocabulary import Vocabulary
from local_swarm.backends.process import messages
from local_swarm.backends.process.child import main
from local_swarm.backends.process.engine import LoadedEngine


def load(options: messages.Load) -> LoadedEngine:
    from local_swarm.backends.mlx.model import MlxModel, hold_in_memory

    hold_in_memory()
    folder = Path(options.path)
    vocabulary = Vocabulary(folder)
    network = MlxModel(folder, [(Path(path), weight) for path, weight in options.adapters])
    engine = LockstepEngine(network, vocabulary, options)
    engine.warm_up()
    return engine, engine.loaded_report(
        None if network.on_gpu else "MLX computes on the processor here, which is slow."
    )


if __name__ == "__main__":
    sys.exit(main(load, ["mlx.core", "mlx_lm"]))
