"""What do these delivery replies mean? `livery explain FILE`: one JSON object a line."""

import json
from typing import IO

import click


@click.command()
@click.argument("file", type=click.File("rb"))
def explain(file: IO[bytes]) -> None:
    """Say what each line of FILE ("-": standard input), an SMTP reply such as "550 5.1.1 no such user", means.

    Prints one JSON object a line: recipient (where the reply names one), class (hard, soft, complaint, autoreply,
    delivered or unknown), reason, status and reply.
    """
    from mail.verdict import explain_line

    for raw in file:
        line = raw.decode("utf-8", "replace").strip()
        if line:
            click.echo(json.dumps(explain_line(line).as_json(), ensure_ascii=False))
