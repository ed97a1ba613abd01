"""A running node in, the words that greet its user out."""

from __future__ import annotations

from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from local_swarm import __version__
from local_swarm.node import Node

GIB, MIB = 2**30, 2**20
EXAMPLE = "Write a Python function solve(numbers) that returns the sum of the even numbers."


def size(count: int | None) -> str:
    if count is None:
        return "unknown"
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / MIB:.0f} MiB"


def banner(node: Node) -> RenderableType:
    """Machine, model, workers and memory with the reasons, the address, and the next things to do."""
    plan, facts = node.plan, node.backend.facts
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column()
    rows.add_row("machine", node.hardware.line)
    kind = "starter model: a demonstration" if plan.starter else plan.architecture
    rows.add_row("model", f"{plan.model}  {plan.quantization or ''}  ({kind})")
    for reason in plan.why:
        rows.add_row("", Text(reason, style="dim"))
    used, budget = facts.memory_bytes if facts else None, plan.memory.budget_bytes
    share = f" of {size(budget)} allowed ({used / budget:.0%})" if used and budget else ""
    rows.add_row("workers", f"{plan.workers} voices over one set of weights, {size(used)} in use{share}")
    if node.url:
        rows.add_row("address", Text(f"{node.url}/v1", style="bold green"))
        if node.page:
            rows.add_row("page", Text(node.page, overflow="fold"))
        rows.add_row("ask", f'python main.py ask "{EXAMPLE}"')
        rows.add_row("opencode", "python main.py opencode --write")
        rows.add_row("assistants", "python main.py mcp --setup")
    return Panel(rows, title=f"Local Swarm {__version__}", title_align="left", border_style="green")
