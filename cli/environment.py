"""What does a process need that nobody has set? On a machine without services this file finds or makes it.

Children of `livery run` get every answer in their environment and come through here untouched. A command typed by hand
attaches to the embedded server of its data folder, or starts it for its own duration.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

from cli import certificate
from cli.once import write_once
from kit import embedded
from kit.errors import Kind, LiveryError
from kit.settings import Settings, load

_KEY_FILE = "secret.key"


@contextlib.contextmanager
def settled(environ: Mapping[str, str] | None = None) -> Iterator[Settings]:
    """Complete settings for one process, and a running database, for the duration of the block.

    Raises SettingsError or LiveryError with the line to show.
    """
    environ = dict(os.environ if environ is None else environ)
    asked = load(environ)
    with contextlib.ExitStack() as stack:
        if not asked.database_url:
            environ |= own_key(environ, asked.data_dir)
            environ |= embedded_database(stack.enter_context(embedded.attach(asked.data_dir)))
        environ |= own_certificate(asked)
        yield load(environ)


def embedded_database(urls: embedded.Urls) -> dict[str, str]:
    """The variables that lead to the embedded server."""
    return {"LIVERY_DATABASE_URL": urls.owner, "LIVERY_DATABASE_API_URL": urls.api}


def own_certificate(asked: Settings) -> dict[str, str]:
    """A certificate signed by itself, where none is set. Kept in the data folder, so that clients may pin it."""
    if asked.tls_cert is not None:
        return {}
    try:
        pem = certificate.ensure(asked.data_dir, asked.mail_domain)
    except OSError as fault:
        raise embedded.unwritable(asked.data_dir, fault) from None
    return {"LIVERY_TLS_CERT": str(pem), "LIVERY_TLS_KEY": str(pem)}


def own_key(environ: Mapping[str, str], data_dir: Path) -> dict[str, str]:
    """The secret key of an embedded installation: made once, before the database that is sealed with it.

    Raises LiveryError if the database is there and its key is gone: a new one would open nothing.
    """
    if environ.get("LIVERY_SECRET_KEY"):
        return {}
    file = data_dir / _KEY_FILE
    try:
        if not file.exists():
            if (data_dir / "postgres" / "PG_VERSION").exists():
                raise LiveryError(
                    Kind.UNAVAILABLE,
                    "SECRET_KEY_LOST",
                    f"The secret key {file} is gone, and the database beside it is sealed with it.",
                    next="Bring the file back from a backup, or set LIVERY_SECRET_KEY to what it held.",
                )
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_once(file, secrets.token_hex(32) + "\n")
        return {"LIVERY_SECRET_KEY": file.read_text().strip()}
    except OSError as fault:
        raise embedded.unwritable(data_dir, fault) from None
