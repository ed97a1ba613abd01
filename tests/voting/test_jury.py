from __future__ import annotations

import pytest

from local_swarm.sandbox.host import Sandbox
from local_swarm.types import Candidate, Usage
from local_swarm.voting.jury import Jury
from local_swarm.voting.question import question
from local_swarm.voting.reliability import VoterReliability
from local_swarm.voting.similarity.no_embedder import NoEmbedder

pytestmark = pytest.mark.anyio


async def test_votes_go_on_once_something_is_known_of_the_voters() -> None:
    kept = VoterReliability()
    kept.seen = {"a": (90.0, 100.0), "b": (50.0, 100.0), "c": (10.0, 100.0)}
    jury = Jury(Sandbox(()), NoEmbedder(), kept)
    said = {"a": "#### 4", "b": "#### 4", "c": "#### 5"}
    candidates = [Candidate(text, voter, "stop", Usage(1, 1), 1.0) for voter, text in said.items()]
    election = await jury.elect(question("What is 2 + 2?"), candidates)
    assert election.elected.text == "#### 4" and election.elected.weight
    await jury.close()
