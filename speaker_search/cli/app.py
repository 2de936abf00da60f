"""All commands, put together."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from speaker_search.cli import catalog, demo, doctor, index, ingest, query, serve

app = typer.Typer(
    name="spksearch",
    help="A speaker search engine for game voices: hear one line and ask who else sounds like this, in other games.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
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


app.command("ingest")(ingest.ingest)
app.command("worker")(ingest.worker)
app.command("search")(query.search)
app.command("similar")(query.similar)
app.command("cast")(query.cast)
app.command("evaluate")(query.evaluate)
app.command("verify")(index.verify)
app.add_typer(catalog.app, name="catalog")
app.add_typer(index.app, name="index")
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
