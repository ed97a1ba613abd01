"""What goes on in the door in, Prometheus' text out. Every application has a registry of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from local_swarm.api.status import Status
from local_swarm.types import Election

PREFIX = "local_swarm"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
SHARES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class Metrics:
    """`saw_request` and `saw_election` count; `text` is what Prometheus reads."""

    def __init__(self, status: Callable[[], Status]) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            f"{PREFIX}_requests", "Requests answered.", ("endpoint", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            f"{PREFIX}_request_seconds",
            "From a request to the end of its answer.",
            ("endpoint",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.open = Gauge(f"{PREFIX}_prompts_in_progress", "Prompts that are being answered.", registry=self.registry)
        self.failures = Counter(
            f"{PREFIX}_prompt_failures", "Prompts without an answer.", ("code",), registry=self.registry
        )
        self.elections = Counter(f"{PREFIX}_elections", "Votes held.", ("strategy",), registry=self.registry)
        self.agreement = Histogram(
            f"{PREFIX}_agreement",
            "Share of candidates that say what was elected.",
            buckets=SHARES,
            registry=self.registry,
        )
        self.tokens = Counter(
            f"{PREFIX}_tokens",
            "Tokens: prompt (read), cached (of those, in memory already), elected (in answers given), written (by all workers).",
            ("kind",),
            registry=self.registry,
        )
        self.registry.register(StatusCollector(status))
        ProcessCollector(namespace=PREFIX, registry=self.registry)

    def saw_request(self, endpoint: str, status: int, seconds: float) -> None:
        self.requests.labels(endpoint, str(status)).inc()
        self.seconds.labels(endpoint).observe(seconds)

    def saw_election(self, election: Election) -> None:
        self.elections.labels(election.strategy).inc()
        if len(election.candidates) > 1:
            self.agreement.observe(election.agreement)
        for kind, count in token_counts(election).items():
            self.tokens.labels(kind).inc(count)

    def text(self) -> bytes:
        return generate_latest(self.registry)


class StatusCollector(Collector):
    """Workers, engines and peers as they are when Prometheus asks."""

    def __init__(self, status: Callable[[], Status]) -> None:
        self.status = status

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        now = self.status()
        yield from self._workers(now)
        yield from self._engines(now)
        up = GaugeMetricFamily(f"{PREFIX}_peer_up", "Whether a peer takes part.", labels=["peer"])
        for peer in now.peers:
            up.add_metric([str(peer.get("name"))], float(peer.get("state") == "ok"))
        yield up

    def _workers(self, now: Status) -> Iterable[Metric]:
        for name, about in (("requests", "Answers"), ("failures", "Failures"), ("tokens", "Tokens written")):
            counter = CounterMetricFamily(f"{PREFIX}_worker_{name}", f"{about} of a worker.", labels=["worker"])
            for worker in now.workers:
                counter.add_metric([worker.id], getattr(worker, name))
            yield counter
        busy = GaugeMetricFamily(f"{PREFIX}_worker_busy", "Prompts a worker is at work on.", labels=["worker"])
        healthy = GaugeMetricFamily(f"{PREFIX}_worker_healthy", "Whether a worker can be asked.", labels=["worker"])
        for worker in now.workers:
            busy.add_metric([worker.id], worker.busy)
            healthy.add_metric([worker.id], float(worker.healthy))
        yield busy
        yield healthy

    def _engines(self, now: Status) -> Iterable[Metric]:
        for name, field, about in (
            ("engine_requests", "requests", "Prompts an engine holds, queued ones too."),
            ("engine_cells_used", "cells_used", "Cells of an engine's cache that hold something."),
            ("engine_memory_bytes", "memory_bytes", "Memory an engine's process uses."),
            ("engine_batch_size", "batch_size", "Tokens written per decode step, on average."),
        ):
            gauge = GaugeMetricFamily(f"{PREFIX}_{name}", about, labels=["engine"])
            for engine in now.engines:
                if (value := getattr(engine, field)) is not None:
                    gauge.add_metric([engine.name], value)
            yield gauge
        steps = CounterMetricFamily(f"{PREFIX}_engine_steps", "Decode steps of an engine.", labels=["engine"])
        for engine in now.engines:
            steps.add_metric([engine.name], engine.steps or 0)
        yield steps


def token_counts(election: Election) -> dict[str, int]:
    """Tokens, by kind, that a vote took."""
    usage = election.elected.usage
    return {
        "prompt": usage.prompt_tokens,
        "cached": usage.cached_tokens,
        "elected": usage.completion_tokens,
        "written": election.completion_tokens_total,
    }
