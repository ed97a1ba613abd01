"""The commands in, one screen that shows all of them out: what `--help` prints."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

FAMILIES = (
    ("start", "ask", "status"),
    ("detect", "plan", "models", "download", "config", "setup"),
    ("opencode", "clients", "mcp", "key"),
    ("invite", "join", "peers", "forget", "doctor"),
    ("vote", "bench"),
)
WIDTH = 80


class Overview(TyperGroup):
    """A group whose help fits 80 by 24 characters, however many commands there are and whatever the terminal is."""

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order in which somebody needs them; new ones at the end."""
        known = [name for family in FAMILIES for name in family if name in self.commands]
        return [*known, *(name for name in self.commands if name not in known)]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        head = [f"{self.help}", f"Usage: {ctx.command_path} [COMMAND] [OPTIONS], and COMMAND --help for more", ""]
        known = ((name, self.commands[name]) for name in self.list_commands(ctx))
        rows = [f"  {name:10}{command.get_short_help_str(WIDTH - 12)}" for name, command in known]
        formatter.write("\n".join(head + rows) + "\n")
