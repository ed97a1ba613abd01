"""Share of voices -> share right, by number of possible answers. Written by `local_swarm_benchmarks.live_again`."""

from __future__ import annotations

FEW_OPTIONS: dict[int, tuple[tuple[float, float], ...]] = {
    2: ((0.0, 0.0), (0.25, 0.5), (0.5, 0.576), (0.75, 0.576), (1.0, 0.576)),
    4: ((0.0, 0.0), (0.25, 0.188), (0.5, 0.306), (0.75, 0.306), (1.0, 0.306)),
}
