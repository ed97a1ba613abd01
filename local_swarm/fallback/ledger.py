"""Requests to providers in, what each took and what may still be asked of it out. Its only effect is one file.

Limits are hard: before a request the most that it could cost is set aside, and what it did cost is booked afterwards.
What was spent outlives the program, so that a restart does not refill a budget.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local_swarm.paths import keep

REMEMBERED = 200  # latencies
FIRST_REST_S, LONGEST_REST_S = 15.0, 600.0  # how long a provider that failed is left alone; twice as long each time

logger = logging.getLogger(__name__)


def date() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


@dataclass(frozen=True, slots=True)
class SpendingLimits:
    """None is no limit. Prices in dollars for a million tokens, `budget` in dollars a month."""

    requests_per_minute: int | None = None
    tokens_per_day: int | None = None
    budget: float | None = None
    price_in: float = 0.0
    price_out: float = 0.0

    def cost(self, read: int, written: int) -> float:
        return (read * self.price_in + written * self.price_out) / 1e6


@dataclass(slots=True)
class Account:
    """One provider's. `clock` is in seconds and may start anywhere; `today` is a date. Amounts set aside are in
    `held`."""

    name: str
    limits: SpendingLimits
    clock: Callable[[], float]
    today: Callable[[], str]
    day: str = ""
    tokens_today: int = 0
    month: str = ""
    spent: float = 0.0
    held_tokens: int = 0
    held_cost: float = 0.0
    requests: int = 0
    errors: int = 0
    fallbacks: int = 0
    tokens: int = 0
    cost: float = 0.0
    failures_in_a_row: int = 0
    rests_until: float = 0.0
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    asked_at: deque[float] = field(default_factory=deque)

    def refusal(self, read: int, written: int) -> str | None:
        """Why a request that reads and writes at most so many tokens may not be sent now; None lets it."""
        self._turn()
        now, limits = self.clock(), self.limits
        if now < self.rests_until:
            return f"it failed and rests for {self.rests_until - now:.0f} s"
        while self.asked_at and now - self.asked_at[0] >= 60:
            self.asked_at.popleft()
        if limits.requests_per_minute is not None and len(self.asked_at) >= limits.requests_per_minute:
            return f"its {limits.requests_per_minute} requests a minute are used"
        if (
            limits.tokens_per_day is not None
            and self.tokens_today + self.held_tokens + read + written > limits.tokens_per_day
        ):
            return f"its {limits.tokens_per_day} tokens a day would not do"
        if limits.budget is not None and self.spent + self.held_cost + limits.cost(read, written) > limits.budget:
            return f"its budget of ${limits.budget:g} a month could be crossed"
        return None

    def open(self, read: int, written: int) -> tuple[int, float]:
        """Set aside what a request may take at most; to be given back to `close`."""
        held = (read + written, self.limits.cost(read, written))
        self.held_tokens += held[0]
        self.held_cost += held[1]
        self.requests += 1
        self.asked_at.append(self.clock())
        return held

    def close(self, held: tuple[int, float], read: int, written: int) -> None:
        """Book what it did take."""
        self._turn()
        self.held_tokens -= held[0]
        self.held_cost = max(0.0, self.held_cost - held[1])
        cost = self.limits.cost(read, written)
        self.tokens, self.tokens_today = self.tokens + read + written, self.tokens_today + read + written
        self.cost, self.spent = self.cost + cost, self.spent + cost

    def book_success(self, seconds: float) -> None:
        self.latencies.append(seconds)
        self.failures_in_a_row = 0

    def book_failure(self) -> None:
        self.errors += 1
        rest = min(FIRST_REST_S * 2**self.failures_in_a_row, LONGEST_REST_S)
        self.failures_in_a_row += 1
        self.rests_until = self.clock() + rest

    def latency(self, share: float) -> float | None:
        """The time in seconds within which that share of the last answers came."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None

    def report(self) -> dict[str, Any]:
        self._turn()
        return {
            "name": self.name,
            "requests": self.requests,
            "errors": self.errors,
            "fallbacks": self.fallbacks,
            "tokens": self.tokens,
            "tokens_today": self.tokens_today,
            "latency_s_p50": self.latency(0.5),
            "latency_s_p95": self.latency(0.95),
            "cost": round(self.cost, 6),
            "spent_this_month": round(self.spent, 6),
            "budget": self.limits.budget,
            "healthy": self.clock() >= self.rests_until,
        }

    def _turn(self) -> None:
        """A new day or month begins with nothing spent."""
        day = self.today()
        if day != self.day:
            self.day, self.tokens_today = day, 0
        if day[:7] != self.month:
            self.month, self.spent = day[:7], 0.0


class Ledger:
    """The accounts of all providers and the file that keeps them."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.kept: Mapping[str, Any] = read_accounts(file)

    def account(
        self, name: str, limits: SpendingLimits, clock: Callable[[], float], today: Callable[[], str] = date
    ) -> Account:
        kept = self.kept.get(name)
        made = Account(name, limits, clock, today)
        if isinstance(kept, dict):
            made.day, made.tokens_today = str(kept.get("day", "")), int(kept.get("tokens_today", 0))
            made.month, made.spent = str(kept.get("month", "")), float(kept.get("spent", 0.0))
        return made

    def save(self, accounts: list[Account]) -> None:
        told = {
            one.name: {
                "day": one.day,
                "tokens_today": one.tokens_today + one.held_tokens,
                "month": one.month,
                "spent": one.spent + one.held_cost,
            }
            for one in accounts
        }
        try:
            keep(self.file, json.dumps({**self.kept, **told}))
        except OSError as problem:
            logger.warning("What was spent cannot be written to %s: %s.", self.file, problem)


def read_accounts(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
