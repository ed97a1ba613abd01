"""A running node in, the words that greet its user out."""

from __future__ import annotations

from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from local_swarm import __version__
from local_swarm.config import Config
from local_swarm.models.embedding import BEST_ON_DISK
from local_swarm.node import Node
from local_swarm.paths import offline, program_name
from local_swarm.privacy import Reach, describe_reach
from local_swarm.units import memory_size

EXAMPLE = "Write a Python function solve(numbers) that returns the sum of the even numbers."


def reach_of(node: Node, config: Config) -> Reach:
    paired = config.network.enabled
    static = config.federation.discovery.method == "static"
    anybody = config.network.insecure_lan
    servers = tuple(engine.target_url for engine in node.engines if engine.target_url)
    return Reach(
        servers=servers,
        paired=paired,
        announced=paired and not static,
        open_to_network=paired and anybody,
        api_host=config.server.host,
        offline=offline(),
    )


def banner(node: Node, config: Config, private: bool = True) -> RenderableType:
    """Machine, model, workers and memory with the reasons, what may leave the machine, the address, and the next things to do.
    `private`: only this user reads it, so the page's address may carry what opens the words of votes."""
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
    share = f" of {memory_size(budget)} allowed ({used / budget:.0%})" if used and budget else ""
    rows.add_row("workers", f"{plan.workers} voices over one set of weights, {memory_size(used)} in use{share}")
    meaning = node.swarm.embedder.source
    if meaning.missing and meaning.model != BEST_ON_DISK:
        rows.add_row(
            "embedding", Text(f"{meaning.missing}; prose is compared by its words.{meaning.remedy}", style="yellow")
        )
    rows.add_row("privacy", Text(describe_reach(reach_of(node, config))))
    if node.address.url:
        rows.add_row("address", Text(f"{node.address.url}/v1", style="bold green"))
        if node.address.page:
            rows.add_row(
                "page", Text(node.address.page if private else without_token(node.address.page), overflow="fold")
            )
        rows.add_row("ask", f'{program_name()} ask "{EXAMPLE}"')
        rows.add_row("opencode", f"{program_name()} opencode --write")
        rows.add_row("assistants", f"{program_name()} mcp --setup")
    return Panel(rows, title=f"Local Swarm {__version__}", title_align="left", border_style="green")


def without_token(page: str) -> str:
    """The page's address as a log may have it, which others may get to read."""
    return f"{page.partition('#')[0]}  (with the words of votes: {program_name()} key --page)"
