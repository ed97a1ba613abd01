"""A table of commands in, the program's typer app out: its groups, its default command, and a help that fits one screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar

import typer
from typer.core import TyperGroup

from local_swarm import __version__
from local_swarm.cli.console import out
from local_swarm.cli.options import HELP
from local_swarm.commands import program_name, quote_word
from local_swarm.errors import UsageError

ALIASES = {"--detect": "detect"}
OWN_OPTIONS = ("--help", "-h", "--version", "--install-completion", "--show-completion")
WIDTH = 80


class Program(TyperGroup):
    """The program's own group of commands.

    Without a command it is `start`, so that `main.py --port 8001` works as `main.py start --port 8001` does. Its help fits 80 by
    24 characters, however many commands there are and whatever the terminal is."""

    order: ClassVar[tuple[str, ...]] = ()  # of the commands in the help

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first = args[0] if args else ""
        if ctx.resilient_parsing:  # a shell asks what could come next
            return super().parse_args(ctx, args)
        if first in ALIASES:
            args = [ALIASES[first], *args[1:]]
        elif "--download-only" in args:
            args = ["download", *(word for word in args if word != "--download-only")]
        elif not args or (first.startswith("-") and first not in OWN_OPTIONS):
            if (place := command_among(args, self.commands)) is not None:
                words = [args[place], *args[:place], *args[place + 1 :]]
                raise UsageError(f"Put the command first: {program_name()} {' '.join(map(quote_word, words))}")
            args = ["start", *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.order)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        head = [f"{self.help}", f"Usage: {ctx.command_path} [COMMAND] [OPTIONS], and COMMAND --help for more", ""]
        known = ((name, self.commands[name]) for name in self.order)
        rows = [f"  {name:10}{command.get_short_help_str(WIDTH - 12)}" for name, command in known]
        formatter.write("\n".join(head + rows) + "\n")


def command_among(args: Sequence[str], commands: Mapping[str, Any]) -> int | None:
    """Where a command stands among the options of a start. What an option takes is none, such as the name of a file."""
    valued = {name for one in commands["start"].params if not getattr(one, "is_flag", False) for name in one.opts}
    places = (
        place for place, word in enumerate(args) if word in commands and (not place or args[place - 1] not in valued)
    )
    return next(places, None)


def print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"Local Swarm {__version__}")
        raise typer.Exit


def accept_version(
    _version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def create_app(commands: Mapping[str, Callable[..., None]], groups: Mapping[str, str]) -> typer.Typer:
    """`commands`: functions by the words that call them, such as "bench engine". `groups`: the help of each first word that
    others follow. A group whose name is a command as well runs it where no further word is given."""

    class Ordered(Program):
        order = tuple(dict.fromkeys(words.split()[0] for words in commands))

    app = typer.Typer(
        cls=Ordered,
        help="A swarm of local language models that vote. Without a command it starts.",
        context_settings=HELP,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(accept_version)
    made = {name: typer.Typer(help=text, context_settings=HELP) for name, text in groups.items()}
    for words, function in commands.items():
        first, _, second = words.partition(" ")
        if second:
            made[first].command(second)(function)
        elif first in made:
            made[first].callback(invoke_without_command=True)(function)
        else:
            app.command(first)(function)
    for name, group in made.items():
        app.add_typer(group, name=name, invoke_without_command=name in commands)
    return app
