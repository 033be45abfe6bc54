"""What does the API promise? `livery schema` prints the SDL; `--check` fails where the committed file differs."""

import difflib
import sys
from pathlib import Path

import click

_COMMITTED = Path(__file__).resolve().parent.parent / "api" / "schema.graphql"


@click.command()
@click.option("--write", is_flag=True, help="Write it to api/schema.graphql.")
@click.option("--check", is_flag=True, help="Compare it with api/schema.graphql; exit status 1 if they differ.")
def schema(write: bool, check: bool) -> None:
    """Print the GraphQL schema (SDL) that this version serves."""
    from api.graphql.schema import print_sdl

    text = print_sdl()
    if write:
        _COMMITTED.write_text(text)
    elif check:
        committed = _COMMITTED.read_text()
        if committed != text:
            lines = difflib.unified_diff(
                committed.splitlines(),
                text.splitlines(),
                "api/schema.graphql",
                "what the code serves",
                lineterm="",
                n=1,
            )
            click.echo("\n".join(lines), err=True)
            click.echo("The committed schema differs from the code. Type: make schema", err=True)
            sys.exit(1)
    else:
        click.echo(text, nl=False)
