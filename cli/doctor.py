"""Is this installation sound? `livery doctor`: a line a finding, and what to do where it is not."""

import asyncio
import shutil
import socket
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import click

from cli import ports
from cli.environment import settled
from kit.errors import LiveryError
from kit.settings import DEFAULT_MAIL_DOMAIN, Settings, SettingsError

_LOW_DISK = 2_000_000_000  # bytes; a day of mail and a checkpoint need room
_EXPIRES_SOON = 21  # days; an automatic renewal has failed by then


@dataclass(frozen=True)
class Finding:
    """One line: is it well, what was looked at, what was found, and what to do."""

    state: Literal["ok", "warn", "fail"]
    about: str
    text: str


@click.command()
def doctor() -> None:
    """Check settings, data folder, database, sources, broker, ports, certificate, DNS and dashboard.

    Exit status 1 if something does not work; warnings are things that work and deserve a look.
    """
    failed = False
    for finding in examine():
        failed |= finding.state == "fail"
        click.echo(f"{finding.state:5} {finding.about:12} {finding.text}")
    if failed:
        sys.exit(1)


def examine() -> Iterator[Finding]:
    """Look at everything, in the order in which a start would need it."""
    try:
        with settled() as settings:
            yield _settings(settings)
            yield from _data_dir(settings.data_dir)
            yield from asyncio.run(_database(settings))
            yield from asyncio.run(_sources(settings))
            yield _broker(settings)
            yield from _ports(settings)
            yield _certificate(settings)
            yield asyncio.run(_dns(settings))
            yield _dashboard(settings)
    except SettingsError as fault:
        yield Finding("fail", "settings", str(fault))
    except LiveryError as fault:
        yield Finding("fail", "start", f"{fault.message} {fault.next or ''}".strip())


def _settings(settings: Settings) -> Finding:
    text = f"mail domain {settings.mail_domain}, delivery: {settings.route}"
    if settings.route != "simulator":
        text += f" (TLS {settings.tls})"
    if settings.mail_domain == DEFAULT_MAIL_DOMAIN and settings.route == "mx":
        return Finding("warn", "settings", f"{text}. Set LIVERY_MAIL_DOMAIN: this name is seen by every recipient.")
    return Finding("ok", "settings", text)


def _data_dir(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free
    text = f"{folder}, {free / 1e9:.1f} GB free"
    if free < _LOW_DISK:
        yield Finding("warn", "data folder", f"{text}. Make room: without any, mail is refused.")
    else:
        yield Finding("ok", "data folder", text)


async def _database(settings: Settings) -> list[Finding]:
    import asyncpg

    from kit.db import connect
    from kit.migrate import pending

    try:
        conn = await connect(settings.database_url)
    except (OSError, asyncpg.PostgresError, TimeoutError) as fault:
        return [Finding("fail", "database", f"does not answer ({fault}). Check LIVERY_DATABASE_URL.")]
    findings = []
    try:
        version = conn.get_server_version()
        if version.major < 15:
            findings.append(Finding("fail", "database", f"PostgreSQL {version.major}: version 15 or newer is needed."))
        else:
            findings.append(Finding("ok", "database", f"PostgreSQL {version.major}.{version.micro}"))
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            if await conn.fetchval("select current_setting($1)", name) == "off":
                findings.append(Finding("fail", "database", f"{name} is off: accepted mail can be lost. Set it on."))
    finally:
        await conn.close()
    missing = await pending(settings.database_url)
    if missing:
        findings.append(
            Finding("fail", "tables", f"not up to date (missing: {', '.join(missing)}). Type: livery migrate")
        )
    else:
        findings.append(Finding("ok", "tables", "up to date"))
    findings.append(await _api_role(settings))
    return findings


async def _api_role(settings: Settings) -> Finding:
    """Whether the wall between tenants stands before the API's own connection."""
    import asyncpg

    from kit.db import connect

    try:
        conn = await connect(settings.database_api_url)
    except (OSError, asyncpg.PostgresError, TimeoutError) as fault:
        advice = "Check LIVERY_DATABASE_API_URL, then: livery migrate"
        return Finding("fail", "API role", f"cannot connect ({fault}). {advice}")
    try:
        # Null where the tables are still to be made.
        role, bound = await conn.fetchrow("select current_user::text, row_security_active(to_regclass('account'))")
    finally:
        await conn.close()
    if bound is False:
        advice = "Set LIVERY_DATABASE_API_URL: the same database as the role livery_api."
        return Finding("warn", "API role", f"{role}: row-level security does not bind it. {advice}")
    return Finding("ok", "API role", role if bound is None else f"{role}, bound by row-level security")


async def _sources(settings: Settings) -> list[Finding]:
    """Addresses that accounts send from; each may be another machine's where several deliver."""
    import asyncpg

    from kit.addresses import here
    from kit.db import connect

    try:
        conn = await connect(settings.database_url)
    except (OSError, asyncpg.PostgresError, TimeoutError):
        return []  # said already
    try:
        rows = await conn.fetch("select ip, name from source order by name, ip")
    except asyncpg.UndefinedTableError:
        return []  # said already: not up to date
    finally:
        await conn.close()
    if settings.route == "simulator":
        return [Finding("ok", "sources", f"{len(rows)}, not needed for this delivery route")] if rows else []
    return [
        Finding("ok", "sources", f"{row['ip']} ({row['name']})")
        if here(row["ip"])
        else Finding(
            "warn",
            "sources",
            f"{row['ip']} ({row['name']}) is no address of this machine: from here its mail leaves from the default "
            "address. Add it to an interface, or deliver where it is.",
        )
        for row in rows
    ]


def _broker(settings: Settings) -> Finding:
    parts = urlsplit(settings.broker_url)
    if not parts.scheme.startswith("amqp"):
        return Finding("ok", "broker", "in the database")
    address = (parts.hostname or "localhost", parts.port or (5671 if parts.scheme == "amqps" else 5672))
    try:
        with socket.create_connection(address, timeout=5):
            return Finding("ok", "broker", f"{address[0]}:{address[1]} answers")
    except OSError as fault:
        return Finding(
            "fail", "broker", f"{address[0]}:{address[1]} does not answer ({fault}). Check LIVERY_BROKER_URL."
        )


def _ports(settings: Settings) -> Iterator[Finding]:
    for port, variable in ports.wanted(settings).items():
        problem = ports.trouble(settings.bind, port)
        if problem is None:
            yield Finding("ok", f"port {port}", "free")
        elif ports.is_ours(port):
            yield Finding("ok", f"port {port}", "served by this installation's processes")
        else:
            yield Finding("fail", f"port {port}", f"{problem} Stop that, or set {variable} to another port.")


def _certificate(settings: Settings) -> Finding:
    if settings.tls_cert is None or settings.tls_key is None:
        return Finding("fail", "certificate", "none: set LIVERY_TLS_CERT and LIVERY_TLS_KEY.")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as fault:
        return Finding("fail", "certificate", f"{settings.tls_cert} cannot be used with its key ({fault}).")
    from cryptography import x509

    leaf = x509.load_pem_x509_certificate(settings.tls_cert.read_bytes())
    days = (leaf.not_valid_after_utc - datetime.now(UTC)).days
    if days < 0:
        return Finding("fail", "certificate", f"expired {-days} days ago: renew {settings.tls_cert}.")
    if days < _EXPIRES_SOON:
        return Finding("warn", "certificate", f"expires in {days} days: renew {settings.tls_cert}.")
    if leaf.issuer == leaf.subject:
        advice = "mail programs will ask about it. For a real one set LIVERY_TLS_CERT and LIVERY_TLS_KEY."
        return Finding("ok" if settings.demo else "warn", "certificate", f"self-signed, good for {days} days: {advice}")
    return Finding("ok", "certificate", f"good for {days} days")


async def _dns(settings: Settings) -> Finding:
    if settings.route != "mx":
        return Finding("ok", "DNS", "not needed for this delivery route")
    from kit.resolver import DnsResolver, NoSuchName, Unanswered

    try:
        await DnsResolver(settings.dns).mx("gmail.com")
    except (NoSuchName, Unanswered) as fault:
        return Finding("fail", "DNS", f"cannot find gmail.com ({fault}). Set LIVERY_DNS to a resolver that can.")
    return Finding("ok", "DNS", "answers")


def _dashboard(settings: Settings) -> Finding:
    if (settings.web_root / "index.html").exists():
        return Finding("ok", "dashboard", "built")
    return Finding("warn", "dashboard", "not built: install Node.js 20 or newer, then type: make run")
