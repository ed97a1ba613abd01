"""What Prometheus reads: every engine has a series of its own, and `agreement` says what it is."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from local_swarm.api.metrics import Metrics
from local_swarm.api.status import EngineStatus, Status

ENGINE_SERIES = (
    "local_swarm_engine_requests",
    "local_swarm_engine_cells_used",
    "local_swarm_engine_memory_bytes",
    "local_swarm_engine_batch_size",
    "local_swarm_engine_steps_total",
)


def engine(member: str, number: int) -> EngineStatus:
    return EngineStatus(
        "llamacpp",
        "a model",
        "ready",
        memory_bytes=number,
        steps=number,
        requests=number,
        cells_used=number,
        batch_size=float(number),
        member=member,
    )


def samples(metrics: Metrics) -> list[tuple[str, dict[str, str], float]]:
    families = text_string_to_metric_families(metrics.text().decode())
    return [(one.name, one.labels, one.value) for family in families for one in family.samples]


def test_two_members_on_llama_cpp_have_a_series_each() -> None:
    status = Status("ok", 2, 2, "a model", 1000, engines=(engine("small", 1), engine("big", 2)))
    found = samples(Metrics(lambda: status))
    for series in ENGINE_SERIES:
        labels = {(one["engine"], one["member"]): value for name, one, value in found if name == series}
        assert labels == {("llamacpp", "small"): 1.0, ("llamacpp", "big"): 2.0}, series
    every = [(name, tuple(sorted(one.items()))) for name, one, _ in found]
    assert len(every) == len(set(every))  # Prometheus refuses a scrape with one series twice


def test_agreement_is_said_to_be_calibrated() -> None:
    text = Metrics(lambda: Status("ok", 0, 0, None, None)).text().decode()
    [line] = [line for line in text.splitlines() if line.startswith("# HELP local_swarm_agreement ")]
    assert "calibrated" in line and "likely" in line
