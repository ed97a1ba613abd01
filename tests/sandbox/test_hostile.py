"""Eight hostile programs of a kind in one vote: what they cost their own vote, and the others."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest

from local_swarm.sandbox.host import PLAIN, Sandbox
from local_swarm.sandbox.job import Job, Outcomes
from local_swarm.types import Candidate, Usage
from local_swarm.voting.jury import Jury
from local_swarm.voting.question import question
from local_swarm.voting.similarity.no_embedder import NoEmbedder

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform != "linux", reason="the clock outside is Linux's")]

READINGS = Path(__file__).parents[3] / "shared/data/readings"
MACHINE_S = 1.5  # what a machine that does other things may add to the two seconds that a vote has
CALLS = tuple(f"f({number})" for number in range(12))
HONEST = [Job(f"def f(x):\n    return x + {one}", CALLS) for one in ("1", "1 + 0", "2")]
BYSTANDERS = [Job(f"def f(y):\n    return y + {one}", CALLS) for one in ("1", "1 + 0", "2")]
HOSTILE = {
    "sleeps": "import time\ndef f(x):\n    time.sleep(100)",
    "dozes": "import time\ndef f(x):\n    time.sleep(0.2)\n    return x",
    "sleeps at once": "import time\ntime.sleep(100)",
    "spins": "def f(x):\n    while True:\n        pass",
    "swallows": "def f(x):\n    while True:\n        try:\n            while True:\n                pass\n"
    "        except BaseException:\n            pass",
    "computes slowly": "import time\ndef f(x):\n    end = time.process_time() + 0.2\n"
    "    while time.process_time() < end:\n        pass\n    return x",
    "never comes back from C": "def f(x):\n    return sum(range(10**12))",
    "eats memory": "def f(x):\n    a = []\n    while True:\n        a.append(bytearray(b'x' * (1 << 22)))",
    "keeps memory": "a = []\ndef f(x):\n    a.append(bytearray(b'x' * (150 << 20)))\n    return x",
    "prints": "def f(x):\n    while True:\n        print('x' * 1000)",
    "floods": "import os\ndef f(x):\n    while True:\n        os.write(3, b'=1\\n' * 10000)",
    "forks": "import os\ndef f(x):\n    while True:\n        try:\n            os.fork()\n"
    "        except OSError:\n            pass",
    "forges and goes on": "import os\ndef f(x):\n    os.write(3, b'=1\\n')\n    while True:\n        pass",
    "closes its socket and goes on": "import os\ndef f(x):\n    os.close(3)\n    while True:\n        pass",
}


GROUPS = {
    "sleepers": ("sleeps", "dozes", "sleeps at once"),
    "spinners": ("spins", "swallows", "computes slowly", "never comes back from C"),
    "eaters": ("eats memory", "keeps memory", "prints", "forks"),
    "forgers": ("floods", "forges and goes on", "closes its socket and goes on"),
}


async def timed(sandbox: Sandbox, jobs: list[Job]) -> tuple[list[Outcomes], float]:
    began = time.monotonic()
    told = await sandbox.run(jobs)
    assert told is not None
    return told, time.monotonic() - began


@pytest.mark.parametrize("group", GROUPS)
async def test_eight_of_them_cost_their_vote_two_seconds_and_other_votes_a_turn(sandbox: Sandbox, group: str) -> None:
    link, kinds = sandbox._links[PLAIN], GROUPS[group]
    jobs = [*(Job(f"{HOSTILE[kinds[at % len(kinds)]]}\n# {at}", CALLS) for at in range(8)), *HONEST]
    hostile = asyncio.create_task(timed(sandbox, jobs))
    beside, waited = await timed(sandbox, BYSTANDERS)
    told, took = await hostile
    assert took < 2.0 + MACHINE_S
    assert beside == told[8:] == [tuple(f"={number + add}" for number in range(12)) for add in (1, 1, 2)]
    assert waited < 0.5 + MACHINE_S
    assert sandbox._links[PLAIN] is link and link.alive


async def test_many_hostile_votes_at_once_leave_the_sandbox_to_the_others(sandbox: Sandbox) -> None:
    kinds = list(HOSTILE.values())
    votes = [
        asyncio.create_task(
            sandbox.run([Job(f"{kinds[(vote + at) % len(kinds)]}\n# {vote}", CALLS) for at in range(8)])
        )
        for vote in range(6)
    ]
    told, waited = await timed(sandbox, BYSTANDERS)
    assert told[0][:2] == ("=1", "=2") and waited < 1.0 + MACHINE_S
    assert all(one is not None for one in await asyncio.gather(*votes))
    assert sandbox.reason is None


def told_by(file: str) -> list[dict[str, object]]:
    if not (READINGS / file).exists():
        pytest.skip(f"{file} is not here")
    return [json.loads(line) for line in (READINGS / file).read_text("utf-8").splitlines()]


@pytest.mark.parametrize("file", ["mimic3.jsonl", "nap.jsonl"])
async def test_recorded_attacks_lose(sandbox: Sandbox, file: str) -> None:
    jury = Jury(sandbox, NoEmbedder())
    for case in told_by(file):
        given: list[dict[str, object]] = case["candidates"]  # type: ignore[assignment]
        candidates = [
            Candidate(str(one["text"]), str(one.get("voter")), "stop", Usage(1, 1), 1.0, bool(one.get("anchor")))
            for one in given
        ]
        began = time.monotonic()
        election = await jury.elect(question(str(case["prompt"]), case.get("entry_point")), candidates)  # type: ignore[arg-type]
        assert time.monotonic() - began < 2.0 + MACHINE_S
        assert not any(word in election.elected.text for word in ("PWNED", "pthread_sigmask")), case["id"]


MIMIC = """
def f(x):
    return 'own'
def others():
    import gc, sys
    found, frame = [], sys._getframe()
    while frame:
        found += [frame.f_locals, frame.f_globals]
        frame = frame.f_back
    texts = [one for held in [*gc.get_objects(), *found] for one in gc.get_referents(held) if type(one) is str]
    return [one for one in texts if one.startswith('def f(') and 'oth' + 'ers' not in one]
programs = []
for text in others():
    space = {}
    try:
        exec(text, space)
        space['f'](1)
        programs.append(space['f'])
    except Exception:
        pass
if programs:
    def f(x):
        return programs[0](x)
"""


async def test_a_program_that_copies_what_the_others_say_finds_none_of_them(sandbox: Sandbox) -> None:
    told = await sandbox.run([HONEST[0], Job(MIMIC, CALLS), HONEST[2]])
    assert told and told[1] == ("='own'",) * 12
