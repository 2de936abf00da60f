"""All commands, put together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import copy
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command_name
from typer.models import CommandInfo

from speaker_search.cli.commands import (
    ask,
    browse,
    carry,
    check,
    credit,
    doctor,
    judge,
    mend,
    play,
    serve,
    take_in,
    try_out,
)
from speaker_search.cli.commands.models import adopt, compare, confusions, into_dataset, plot, suspects, train


class Commands(TyperGroup):
    """The commands, whose complaints about flags are put in plainer words. Some are called by two words."""

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        """The command that the first words name, and the words after them."""
        two = " ".join(args[:2])
        if two in self.commands:  # `export dataset`, beside `export`, whose argument is a file
            return two, self.commands[two], args[2:]
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Run a command."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:  # typer repeats what pydantic says
            words = re.sub("^Value error, ", "", error.message).partition(", unable to parse")[0]
            error.message = re.sub("^Input should be ", "it must be ", words)
            raise


app = typer.Typer(
    name="spksearch",
    cls=Commands,
    help="A speaker search engine for game voices: hear one line and ask who else sounds like this, in other games.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("speaker-search"))
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    pass


app.command("ingest")(take_in.ingest)
app.command("worker")(take_in.worker)
app.command("search")(ask.search)
app.command("similar")(ask.similar)
app.command("cast")(ask.cast)
app.add_typer(judge.app, name="verdict")
app.command("evaluate")(ask.evaluate)
app.command("compare")(compare.compare)
app.command("adopt")(adopt.adopt)
app.add_typer(plot.app, name="plot")
app.command("train")(train.train)
app.command("verify")(check.verify)
browse.app.command("confusions")(confusions.confusions)
browse.app.command("import")(carry.import_)
browse.app.command("rename")(mend.rename)
browse.app.command("merge")(mend.merge)
browse.app.command("undo")(mend.undo)
browse.app.command("edits")(mend.edits)
browse.app.command("suspects")(suspects.suspects)
app.add_typer(browse.app, name="catalog")
app.add_typer(check.app, name="index")
app.add_typer(credit.app, name="credits")
app.command("backup")(carry.backup)
app.command("restore")(carry.restore)
app.command("export")(carry.export)
app.command("export dataset")(into_dataset.export_dataset)
app.command("play")(play.play)
app.command("serve")(serve.serve)
app.command("mcp")(serve.mcp)
app.command("demo")(try_out.demo)
app.command("doctor")(doctor.doctor)


def program(words: Sequence[str]) -> typer.Typer:
    """The commands, for these words. Where they begin with a command's name, it is made alone: all take 60 ms."""
    return _named(app, words)


def _named(group: typer.Typer, words: Sequence[str]) -> typer.Typer:
    """The group with only the commands that the first words name; all of it where they name none."""
    names = {" ".join(words[:1]), " ".join(words[:2])}
    alone = copy(group)
    alone.registered_commands = [one for one in group.registered_commands if _name(one) in names]
    alone.registered_groups = [copy(one) for one in group.registered_groups if one.name in names]
    for one in alone.registered_groups:
        one.typer_instance = one.typer_instance and _named(one.typer_instance, words[1:])
    return alone if alone.registered_commands or alone.registered_groups else group


def _name(command: CommandInfo) -> str | None:
    return command.name or (command.callback and get_command_name(command.callback.__name__))
