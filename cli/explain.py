"""What do these delivery replies mean? `livery explain FILE`: one JSON object a line."""

import json
from typing import IO

import click


@click.command()
@click.argument("file", type=click.File("rb"))
def explain(file: IO[bytes]) -> None:
    """Say what the SMTP replies in FILE ("-": standard input) mean, such as "550 5.1.1 no such user", one below the other.

    Prints one JSON object a line: recipient (where the reply names one), class (hard, soft, complaint, autoreply,
    delivered or unknown), reason, status and reply.
    """
    from mail.verdict import explain_lines

    for explanation in explain_lines(raw.decode("utf-8", "replace") for raw in file):
        click.echo(json.dumps(explanation.as_json(), ensure_ascii=False))
