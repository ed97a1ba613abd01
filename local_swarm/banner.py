"""A running node in, the words that greet its user out."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from local_swarm import __version__
from local_swarm.node import Node

GIB, MIB = 2**30, 2**20


def size(count: int | None) -> str:
    if count is None:
        return "unknown"
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / MIB:.0f} MiB"


def banner(node: Node) -> RenderableType:
    """Machine, model and why, workers, memory, address, and the next thing to do."""
    plan, facts = node.plan, node.backend.facts
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column()
    rows.add_row("machine", node.hardware.line)
    kind = "  (starter model, a demonstration)" if plan.starter else ""
    rows.add_row("model", f"{plan.model}  {plan.quantization or ''}{kind}")
    rows.add_row("", Text("; ".join(plan.why), style="dim"))
    rows.add_row("workers", f"{plan.workers} voices over one set of weights; the first answers greedily, all vote")
    used = facts.memory_bytes if facts else None
    budget = plan.memory.budget_bytes
    share = f" of {size(budget)} allowed ({used / budget:.0%})" if used and budget else ""
    rows.add_row("memory", f"{size(used)} in use{share}")
    if node.url:
        rows.add_row("address", Text(f"{node.url}/v1", style="bold green"))
        rows.add_row("ask", 'local-swarm ask "Write a Python function solve(numbers) that returns the sum of the even numbers."')
        rows.add_row("opencode", f"provider @ai-sdk/openai-compatible, baseURL {node.url}/v1, model swarm, small_model swarm-fast")
        rows.add_row("stop", "Ctrl-C")
    return Panel(Group(rows), title=f"Local Swarm {__version__}", title_align="left", border_style="green")


def greet(console: Console, node: Node) -> None:
    console.print(banner(node))
