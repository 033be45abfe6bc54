"""What do these delivery replies mean? `livery explain FILE` or `livery explain REPLY`: one JSON object a line."""

import json
import os
import re
from collections.abc import Iterable

import click


@click.command()
@click.argument("what", metavar="FILE|REPLY")
def explain(what: str) -> None:
    """Say what SMTP replies mean: one typed here, such as "550 5.1.1 no such user", or those in FILE, one below the other.

    FILE may be "-": standard input. What is both is a file.

    Prints one JSON object a line: recipient (where the reply names one), class (hard, soft, complaint, autoreply,
    delivered or unknown), reason, status and reply.
    """
    from mail.verdict import explain_lines

    for explanation in explain_lines(raw.decode("utf-8", "replace") for raw in _lines(what)):
        click.echo(json.dumps(explanation.as_json(), ensure_ascii=False))


def _lines(what: str) -> Iterable[bytes]:
    try:
        with click.open_file(what, "rb") as file:
            yield from file
    except OSError as fault:
        if re.match(r"[2-5]\d\d(?!\d)", what) is None:
            advice = 'Give a file, "-" for standard input, or a reply in quotes: "550 5.1.1 no such user".'
            raise click.BadParameter(f"{what!r}: {fault.strerror}. {advice}", param_hint="'FILE|REPLY'") from None
        yield from os.fsencode(what).splitlines()
