"""Votes held on answers of real models in, how far each agreement can be trusted out.

python -m local_swarm_benchmarks.calibrate FILE... [--data FOLDER] [--samples FOLDER] [--write]

Files are those of `bench live --whole`. Half of the problems is fitted on, the other half checks. `--write` replaces
docs/data/calibration.json and local_swarm/voting/measured.py.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from local_swarm.voting.calibration import (
    HIGH,
    MEDIUM,
    NEARLY_HIGH,
    Calibration,
    band,
    calibrated_agreement,
    facts_of,
    firmness,
    logistic,
    way_of,
)
from local_swarm.voting.measured import Curve
from local_swarm_benchmarks.held_votes import HeldVote, votes_of_files, votes_of_samples
from local_swarm_benchmarks.live_file import read_live_file

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs/data/calibration.json"
TABLE = ROOT / "local_swarm/voting/measured.py"
KNOTS = (0.25, 0.4, 0.5, 0.6, 0.75, 0.85)  # firmness between which a curve is straight
PRIOR = 4.0  # problems at which a knot is right as often as chance, or its firmness, has it
RIDGE = 0.5
NEWTON_STEPS = 60
SOME_PROBLEMS = 5
TRUSTED = 0.9  # how often a high band has to be right on the half that was not fitted on

Floats = NDArray[np.float64]


def calibration_of(votes: Sequence[HeldVote]) -> Calibration:
    code = [one for one in votes if one.basis.family == "code"]
    ways = {way: [one for one in code if way_of(one.basis) == way] for way in ("behaviour", "examples", "structure")}
    values = [one for one in votes if one.basis.family == "value" and one.basis.strategy == "exact"]
    few = sorted({one.basis.options for one in values if one.basis.options})
    weights = {way: weights_of(some) for way, some in ways.items()}
    return Calibration(
        weights=weights,
        never_high=frozenset(
            way
            for way, some in ways.items()
            if not is_trusted(one for one in some if logistic(weights[way], facts_of(one.basis)) >= HIGH)
        ),
        values=curve_of([one for one in values if not one.basis.options], None),
        calls=curve_of([one for one in votes if one.basis.family == "calls"], None),
        few_options={count: curve_of([one for one in values if one.basis.options == count], count) for count in few},
    )


def weights_of(votes: Sequence[HeldVote]) -> tuple[float, ...]:
    """Logistic regression. More of any fact never lowers the estimate: where it would, the fact is left out. Every source
    counts alike, however many votes it has."""
    fitted = [one for one in votes if one.fitted_on]
    counts = Counter(one.source for one in fitted)
    facts = np.array([facts_of(one.basis) for one in fitted])
    right = np.array([float(one.right) for one in fitted])
    counted = np.array([len(fitted) / len(counts) / counts[one.source] for one in fitted])
    used = list(range(facts.shape[1]))
    while True:
        found = regression(facts[:, used], right, counted)
        falling = [place for place, weight in zip(used, found, strict=True) if place and weight < 0]
        if not falling:
            break
        used = [place for place in used if place not in falling]
    weights = dict(zip(used, found, strict=True))
    return tuple(round(float(weights.get(place, 0.0)), 2) for place in range(facts.shape[1]))


def regression(facts: Floats, right: Floats, counted: Floats) -> Floats:
    """Newton's method, with a ridge."""
    weights = np.zeros(facts.shape[1])
    for _ in range(NEWTON_STEPS):
        told = 1 / (1 + np.exp(-facts @ weights))
        slope = facts.T @ (counted * (told - right)) + RIDGE * weights
        bend = (facts.T * (counted * told * (1 - told))) @ facts + RIDGE * np.eye(len(weights))
        weights -= np.linalg.solve(bend, slope)
    return weights


def curve_of(votes: Sequence[HeldVote], options: int | None) -> Curve:
    """Firmness -> right, rising, pulled towards chance where problems are few; never high where the other half does not
    bear that out. `options`: None where anything could be said."""
    heights = [height(votes_near(votes, knot), 1 / options if options else knot) for knot in KNOTS]
    rising = [max(heights[: at + 1]) for at in range(len(heights))]
    if not is_trusted(one for one in votes if rising[nearest(firmness(one.basis))] >= HIGH):
        rising = [min(one, NEARLY_HIGH) for one in rising]
    return ((0.0, 0.0), *((knot, round(one, 3)) for knot, one in zip(KNOTS, rising, strict=True)))


def is_trusted(high: Iterable[HeldVote]) -> bool:
    """Whether votes that would be called high were right on the half that was not fitted on, with every model and set of which
    there are some problems."""
    by_source: dict[tuple[str, str], list[HeldVote]] = defaultdict(list)
    for one in high:
        if not one.fitted_on:
            by_source[one.source].append(one)
    told = [some for some in by_source.values() if len({one.problem for one in some}) >= SOME_PROBLEMS]
    return bool(told) and all(statistics.fmean(one.right for one in some) >= TRUSTED for some in told)


def nearest(at: float) -> int:
    return min(range(len(KNOTS)), key=lambda place: abs(KNOTS[place] - at))


def votes_near(votes: Sequence[HeldVote], knot: float) -> list[HeldVote]:
    return [one for one in votes if one.fitted_on and KNOTS[nearest(firmness(one.basis))] == knot]


def height(votes: Sequence[HeldVote], expected: float) -> float:
    """Each problem counts once, however many votes on it were held."""
    by_problem: dict[tuple[tuple[str, str], str], list[bool]] = defaultdict(list)
    for one in votes:
        by_problem[one.source, one.problem].append(one.right)
    right = sum(statistics.fmean(each) for each in by_problem.values())
    return (right + PRIOR * expected) / (len(by_problem) + PRIOR)


def reliability(votes: Sequence[HeldVote], made: Calibration) -> list[dict[str, Any]]:
    """What was promised and what came of it, by source and band, on the half that nothing was fitted on."""
    groups: dict[tuple[str, str, str], list[tuple[float, HeldVote]]] = defaultdict(list)
    for one in votes:
        if not one.fitted_on:
            told = calibrated_agreement(one.basis, made)
            groups[one.model, one.set, band(told)].append((told, one))
    return [
        {
            "model": model,
            "set": name,
            "band": word,
            "agreement": round(statistics.fmean(told for told, _ in each), 3),
            "right": round(statistics.fmean(one.right for _, one in each), 3),
            "votes": len(each),
            "problems": len({one.problem for _, one in each}),
        }
        for (model, name, word), each in sorted(groups.items())
    ]


def table_of(made: Calibration) -> str:
    return (
        '"""How often votes of real models were right. Written by `local_swarm_benchmarks.calibrate`.\n\n'
        "Curves: firmness of a vote, share right. Weights of: one; firmness; support; all examples passed; the share passed.\n"
        '"""\n\nfrom __future__ import annotations\n\n'
        "Curve = tuple[tuple[float, float], ...]\n\n"
        f"WEIGHTS: dict[str, tuple[float, ...]] = {made.weights!r}\n"
        f"NEVER_HIGH = frozenset({sorted(made.never_high)!r})  # ways of voting on programs\n"
        f"VALUES: Curve = {made.values!r}\nCALLS: Curve = {made.calls!r}\n"
        f"FEW_OPTIONS: dict[int, Curve] = {made.few_options!r}\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--data", type=Path, help="Folder of the public sets.")
    parser.add_argument("--samples", type=Path, help="Folder of the published samples.")
    parser.add_argument("--write", action="store_true", help="Replace the table and the figures.")
    given = parser.parse_args()
    votes = asyncio.run(votes_of_files(given.files, given.data))
    votes += asyncio.run(votes_of_samples(given.samples)) if given.samples else []
    made = calibration_of(votes)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    runs = [read_live_file(path) for path in given.files]
    found = {
        "commit": commit.stdout.strip(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "bands": {"medium": MEDIUM, "high": HIGH},
        "runs": [{**one.run, "problems": len(one.done)} for one in runs],
        "weights": made.weights,
        "never_high": sorted(made.never_high),
        "values": made.values,
        "calls": made.calls,
        "few_options": made.few_options,
        "checked": reliability(votes, made),
    }
    print(json.dumps(found, indent=1))
    if given.write:
        FIGURES.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        TABLE.write_text(table_of(made), encoding="utf-8")
        subprocess.run([sys.executable, "-m", "ruff", "format", "-q", str(TABLE)], cwd=ROOT, check=False)


if __name__ == "__main__":
    main()
