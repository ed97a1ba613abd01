"""A running node in, the words that greet its user out."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from local_swarm import __version__
from local_swarm.cli.tables import without_commands
from local_swarm.commands import command, home_setting
from local_swarm.config import Config
from local_swarm.models.embedding import BEST_ON_DISK
from local_swarm.node import Node, NodeAddress
from local_swarm.paths import offline
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
    """The node in a frame: machine, model, workers and memory with the reasons, what may leave the machine. Below it, as lines to
    be copied whole, the next things to do. `private`: only this user reads it, so the page's address may carry
    what opens the words of votes."""
    reasons, commands = without_commands(node.plan.why)
    frame = Panel(
        facts(node, config, reasons), title=f"Local Swarm {__version__}", title_align="left", border_style="green"
    )
    meaning = node.swarm.embedder.source
    if meaning.missing and meaning.model != BEST_ON_DISK:
        commands.append(f"{meaning.missing}; prose is compared by its words.{meaning.remedy}")
    steps = next_steps(node.address, private) if node.address.url else {}
    lines = [Text.assemble((f"{label:12}", "bold"), line) for label, line in steps.items()]
    return Group(frame, *(Text(one, style="yellow") for one in commands), *lines)


def facts(node: Node, config: Config, reasons: Sequence[str]) -> Table:
    plan, engine = node.plan, node.backend.facts
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column()
    rows.add_row("machine", node.hardware.line)
    kind = "starter model: a demonstration" if plan.starter else plan.architecture
    rows.add_row("model", f"{plan.model}  {plan.quantization or ''}  ({kind})")
    for reason in reasons:
        rows.add_row("", Text(reason, style="dim"))
    used, budget = engine.memory_bytes if engine else None, plan.memory.budget_bytes
    share = f" of {memory_size(budget)} allowed ({used / budget:.0%})" if used and budget else ""
    rows.add_row("workers", f"{plan.workers} voices over one set of weights, {memory_size(used)} in use{share}")
    rows.add_row("privacy", Text(describe_reach(reach_of(node, config))))
    if node.address.url:
        rows.add_row("address", Text(f"{node.address.url}/v1", style="bold green"))
    return rows


def next_steps(address: NodeAddress, private: bool) -> dict[str, str]:
    """What to do now, by a label: addresses to open and commands for another terminal."""
    port = urlsplit(address.url or "").port
    first, page = home_setting(), address.page
    return {
        **({"page": page if private else without_token(page)} if page else {}),
        **({"first": f"{first}  # in another terminal"} if first else {}),
        "ask": command("ask", EXAMPLE, port=port),
        "watch": command("status", port=port),
        "opencode": command("opencode", "--write", port=port),
        "assistants": command("mcp", "--setup", port=port),
        "stop": "Ctrl-C",
    }


def without_token(page: str) -> str:
    """The page's address as a log may have it, which others may get to read."""
    near = page.partition("#")[0]
    return f"{near}  with the words of votes: {command('key', '--page', port=urlsplit(near).port)}"
