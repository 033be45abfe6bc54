"""What do these replies, or a mail that came back, mean? `livery explain FILE` or `… REPLY`: one JSON object a line."""

import json
import os
import re
from collections.abc import Iterator

import click


@click.command()
@click.argument("what", metavar="FILE|REPLY")
def explain(what: str) -> None:
    """Say what delivery came to: of a mail that came back (a bounce, a complaint, an automatic reply, or an mbox of them)
    in FILE; of SMTP replies in FILE, one below the other; or of one reply typed here, such as "550 5.1.1 no such user".

    FILE may be "-": standard input. What is both is a file.

    Prints one JSON object a recipient a line: recipient (where one is named), class (hard, soft, complaint, autoreply,
    delivered or unknown), reason, status and reply.
    """
    for explanation in _explanations(_content(what)):
        click.echo(json.dumps(explanation, ensure_ascii=False))


def _explanations(content: bytes) -> Iterator[dict[str, str | None]]:
    from mail.verdict import explain_lines, returned

    if returned.is_mail(content):
        yield from (fate.as_json() for fate in returned.explain(content))
    else:
        lines = content.decode("utf-8", "replace").splitlines()
        yield from (explanation.as_json() for explanation in explain_lines(lines))


def _content(what: str) -> bytes:
    try:
        with click.open_file(what, "rb") as file:
            content: bytes = file.read()
            return content
    except OSError as fault:
        if re.match(r"[2-5]\d\d(?!\d)", what) is None:
            advice = 'Give a file, "-" for standard input, or a reply in quotes: "550 5.1.1 no such user".'
            raise click.BadParameter(f"{what!r}: {fault.strerror}. {advice}", param_hint="'FILE|REPLY'") from None
        return os.fsencode(what)
