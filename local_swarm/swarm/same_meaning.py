"""A question and pairs of answers to it in, how likely the swarm's own model finds each pair to say the same out.

One token is drawn for each pair, and the probabilities of Yes and No are read (Kadavath et al. 2022, "Language Models (Mostly)
Know What They Know"). Pairs are asked one after another: they share their beginning, which stays in the KV cache.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing
from math import exp

from local_swarm.backends.base import Seat
from local_swarm.errors import SwarmError
from local_swarm.swarm.worker import Worker
from local_swarm.types import Candidate, Message, Prompt, Sampling, TokenLogprob
from local_swarm.voting.similarity.meaning import LONGEST_ASKED, Pair

MOST_PAIRS = 8  # of one vote
WITHIN_S = 4.0  # for all pairs of one vote
LIKELIEST = 20  # tokens looked at
LONGEST_QUESTION = 1_000  # characters
YES, NO = "yes", "no"

logger = logging.getLogger(__name__)


class WorkerMeaningJudge:
    """Asks the least busy of the healthy workers whose engine is ours: no other server works for a vote unasked."""

    def __init__(self, workers: Sequence[Worker], within_s: float = WITHIN_S) -> None:
        self._workers, self._within_s = workers, within_s

    async def same(self, question: str, pairs: Sequence[Pair]) -> dict[Pair, float]:
        """Probabilities, 0 to 1; pairs for which there is no time, or no engine, are left out."""
        able = [one for one in self._workers if one.healthy and one.backend.target_url is None]
        if not able:
            return {}
        worker, found = min(able, key=lambda one: (one.busy, one.number)), {}
        try:
            async with asyncio.timeout(self._within_s):
                for pair in pairs[:MOST_PAIRS]:
                    said = await ask_whether_same(worker, question, pair)
                    if said is None:
                        break
                    found[pair] = said
        except TimeoutError:
            logger.info("There was no time to ask the model about %d pairs of answers.", len(pairs) - len(found))
        except SwarmError as problem:
            logger.info("The model could not be asked about answers: %s", problem.message)
        return found


async def ask_whether_same(worker: Worker, question: str, pair: Pair) -> float | None:
    prompt = Prompt(
        (Message("user", comparison(question, pair)),),
        sampling=Sampling(max_tokens=1, logprobs=LIKELIEST),
        thinking=False,
        federate=False,
    )
    async with aclosing(worker.backend.generate(prompt, [Seat(worker.name, 0.0, 0)])) as events:
        async for event in events:
            if isinstance(event, Candidate):
                return yes_over_no(event.logprobs)
    return None


def comparison(question: str, pair: Pair) -> str:
    one, other = (" ".join(text[:LONGEST_ASKED].split()) for text in pair)
    return (
        f"Question: {question[:LONGEST_QUESTION]}\n\nFirst answer: {one}\n\nSecond answer: {other}\n\n"
        "Do both answers give the same answer to the question? Reply with Yes or No."
    )


def yes_over_no(tokens: Sequence[TokenLogprob]) -> float | None:
    """Of the first token: the share of Yes in what Yes and No have together, None where neither is likely."""
    if not tokens:
        return None
    likely = dict(tokens[0].top)
    if tokens[0].logprob is not None:
        likely.setdefault(tokens[0].text, tokens[0].logprob)
    weight = {YES: 0.0, NO: 0.0}
    for text, nats in likely.items():
        if (word := text.strip().lower()) in weight:
            weight[word] += exp(nats)
    total = sum(weight.values())
    return weight[YES] / total if total > 0 else None
