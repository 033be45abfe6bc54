"""How is this process configured?

By `LIVERY_*` variables only, read once at the root of each process (`cli`) and handed on as one frozen value.
Nothing else in the code looks at the environment. Each field's docstring is what docs/operating.md says of it.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit

type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DEFAULT_MAIL_DOMAIN = "mail.livery.test"
"""What nobody set: good for a demo, and for nothing that others see."""

_CHECKOUT = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """A setting cannot be used; the text is one line that names it and says what it takes."""


@dataclass(frozen=True)
class Settings:
    """Everything an operator can set. A field exists only where the answer cannot be decided for the operator."""

    database_url: str
    """`LIVERY_DATABASE_URL`: PostgreSQL 15 or newer, `postgresql://…`, as the role that owns the tables. Empty: embedded."""

    database_api_url: str
    """`LIVERY_DATABASE_API_URL`: the same database as the role that the API uses. Empty: as `database_url`."""

    broker_url: str
    """`LIVERY_BROKER_URL`: `amqp://…` for RabbitMQ, `postgresql://…` for the embedded broker. Empty: in the database."""

    data_dir: Path
    """`LIVERY_DATA_DIR`: where the embedded database, the certificate and the secret key live."""

    secret_key: bytes = field(repr=False)
    """`LIVERY_SECRET_KEY`: 32 bytes or more in hexadecimal; seals keys at rest. Made at first start when embedded."""

    public_url: str
    """`LIVERY_PUBLIC_URL`: where people reach the platform's own dashboard, `https://…`."""

    mail_domain: str
    """`LIVERY_MAIL_DOMAIN`: the neutral name in EHLO, PTR, return paths and fallback signatures."""

    tls_cert: Path | None
    """`LIVERY_TLS_CERT`: certificate chain in PEM for SMTP. Unset: self-signed, made at first start."""

    tls_key: Path | None
    """`LIVERY_TLS_KEY`: its private key in PEM."""

    http_port: int
    """`LIVERY_HTTP_PORT`: dashboard and API."""

    metrics_port: int
    """`LIVERY_METRICS_PORT`: Prometheus text on loopback; each further process takes the next port. 0: none."""

    smtp_ports: tuple[int, ...]
    """`LIVERY_SMTP_PORTS`: submission with STARTTLS."""

    smtps_ports: tuple[int, ...]
    """`LIVERY_SMTPS_PORTS`: submission with implicit TLS."""

    mx_port: int
    """`LIVERY_MX_PORT`: port 25 or its unprivileged twin: returns for everyone, submission after AUTH."""

    route: str
    """`LIVERY_ROUTE`: `mx`, `simulator` or `smtp://host:port`."""

    tls: Literal["opportunistic", "required"]
    """`LIVERY_TLS`: outgoing mail is encrypted where the host can, or waits for a host that can."""

    dns: str | None
    """`LIVERY_DNS`: `address` or `address:port` of the resolver. Unset: the machine's own."""

    trusted_proxies: tuple[Network, ...]
    """`LIVERY_TRUSTED_PROXIES`: networks whose X-Forwarded-For and X-Forwarded-Proto are believed."""

    bare_newlines: Literal["refuse", "normalise"]
    """`LIVERY_BARE_NEWLINES`: what happens to a message with bare CR or LF: refused with 550 5.6.0, or put right."""

    private_targets: bool
    """`LIVERY_PRIVATE_TARGETS`: deliver to loopback and private addresses too. For laboratories; off in production."""

    bind: str
    """`LIVERY_BIND`: the address every port listens on; loopback unless set."""

    geoip: Path | None
    """`LIVERY_GEOIP`: a database of countries in MaxMind's format (.mmdb), to say where opens and clicks come from."""

    demo: bool
    """`LIVERY_DEMO`: the demo tenants exist; refuses to listen anywhere but on loopback."""

    web_root: Path
    """`LIVERY_WEB_ROOT`: the built dashboard."""


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings from `environ`.

    Raises SettingsError with one clear line for the first variable that cannot be used.
    """
    database_url = _url(environ, "LIVERY_DATABASE_URL", {"postgresql", "postgres"})
    broker_url = _url(environ, "LIVERY_BROKER_URL", {"amqp", "amqps", "postgresql", "postgres"})
    http_port = _port(environ, "LIVERY_HTTP_PORT", 8000)
    tls_cert = _path(environ, "LIVERY_TLS_CERT")
    tls_key = _path(environ, "LIVERY_TLS_KEY")
    if (tls_cert is None) != (tls_key is None):
        raise SettingsError("LIVERY_TLS_CERT and LIVERY_TLS_KEY go together: set both or neither.")
    demo = _flag(environ, "LIVERY_DEMO")
    bind = _bind(environ)
    if demo and not ipaddress.ip_address(bind).is_loopback:
        raise SettingsError(f"The demo's passwords are public, so it listens on loopback only: LIVERY_BIND is {bind}.")
    return Settings(
        database_url=database_url,
        database_api_url=_url(environ, "LIVERY_DATABASE_API_URL", {"postgresql", "postgres"}) or database_url,
        broker_url=broker_url or database_url,
        data_dir=_path(environ, "LIVERY_DATA_DIR") or _CHECKOUT / ".livery",
        secret_key=_secret(environ, required=bool(database_url)),
        public_url=(environ.get("LIVERY_PUBLIC_URL") or f"http://localhost:{http_port}").rstrip("/"),
        mail_domain=environ.get("LIVERY_MAIL_DOMAIN") or DEFAULT_MAIL_DOMAIN,
        tls_cert=tls_cert,
        tls_key=tls_key,
        http_port=http_port,
        metrics_port=_port(environ, "LIVERY_METRICS_PORT", 9100, zero=True),
        smtp_ports=_ports(environ, "LIVERY_SMTP_PORTS", (2525, 2587)),
        smtps_ports=_ports(environ, "LIVERY_SMTPS_PORTS", (2465, 25025)),
        mx_port=_port(environ, "LIVERY_MX_PORT", 2526),
        route=_route(environ, "simulator" if demo else "mx"),
        tls=_tls(environ),
        dns=environ.get("LIVERY_DNS") or None,
        trusted_proxies=_networks(environ, "LIVERY_TRUSTED_PROXIES"),
        bare_newlines=_newlines(environ),
        private_targets=_flag(environ, "LIVERY_PRIVATE_TARGETS"),
        bind=bind,
        geoip=_path(environ, "LIVERY_GEOIP"),
        demo=demo,
        web_root=_path(environ, "LIVERY_WEB_ROOT") or _CHECKOUT / "web-vue" / "dist",
    )


def _url(environ: Mapping[str, str], name: str, schemes: set[str]) -> str:
    value = environ.get(name, "")
    if value and urlsplit(value).scheme not in schemes:
        raise SettingsError(f"{name} must begin with {' or '.join(f'{s}://' for s in sorted(schemes))}.")
    return value


def _port(environ: Mapping[str, str], name: str, default: int, *, zero: bool = False) -> int:
    value = environ.get(name, "")
    if not value:
        return default
    if not value.isascii() or not value.isdigit() or not (0 if zero else 1) <= int(value) <= 65535:
        raise SettingsError(f"{name} is {value!r}: it takes a port number from 1 to 65535.")
    return int(value)


def _ports(environ: Mapping[str, str], name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    if name not in environ:
        return default
    return tuple(_port({name: part.strip()}, name, 0) for part in environ[name].split(",") if part.strip())


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    value = environ.get(name, "")
    return Path(value).expanduser().absolute() if value else None


def _flag(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(name, "").lower()
    if value not in {"", "0", "1", "no", "yes", "false", "true"}:
        raise SettingsError(f"{name} is {value!r}: it takes 1 or 0.")
    return value in {"1", "yes", "true"}


def _secret(environ: Mapping[str, str], *, required: bool) -> bytes:
    value = environ.get("LIVERY_SECRET_KEY", "")
    if not value:
        if required:
            raise SettingsError("LIVERY_SECRET_KEY is missing. Make one with: openssl rand -hex 32")
        return b""
    try:
        key = bytes.fromhex(value)
    except ValueError:
        raise SettingsError("LIVERY_SECRET_KEY must be hexadecimal. Make one with: openssl rand -hex 32") from None
    if len(key) < 32:
        raise SettingsError("LIVERY_SECRET_KEY is shorter than 32 bytes. Make one with: openssl rand -hex 32")
    return key


def _route(environ: Mapping[str, str], default: str) -> str:
    value = environ.get("LIVERY_ROUTE") or default
    parts = urlsplit(value)
    try:
        relay = parts.scheme == "smtp" and bool(parts.hostname) and parts.port is not None
    except ValueError:
        relay = False
    if value not in {"mx", "simulator"} and not relay:
        raise SettingsError(f"LIVERY_ROUTE is {value!r}: it takes mx, simulator or smtp://host:port.")
    return value


def _networks(environ: Mapping[str, str], name: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in environ.get(name, "").split(",") if part.strip())
    except ValueError as fault:
        raise SettingsError(f"{name}: {fault}. It takes networks such as 10.0.0.0/8, separated by commas.") from None


def _newlines(environ: Mapping[str, str]) -> Literal["refuse", "normalise"]:
    value = environ.get("LIVERY_BARE_NEWLINES") or "refuse"
    if value not in {"refuse", "normalise"}:
        raise SettingsError(f"LIVERY_BARE_NEWLINES is {value!r}: it takes refuse or normalise.")
    return cast('Literal["refuse", "normalise"]', value)


def _tls(environ: Mapping[str, str]) -> Literal["opportunistic", "required"]:
    value = environ.get("LIVERY_TLS") or "opportunistic"
    if value not in {"opportunistic", "required"}:
        raise SettingsError(f"LIVERY_TLS is {value!r}: it takes opportunistic or required.")
    return cast('Literal["opportunistic", "required"]', value)


def _bind(environ: Mapping[str, str]) -> str:
    value = environ.get("LIVERY_BIND") or "127.0.0.1"
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise SettingsError(f"LIVERY_BIND is {value!r}: it takes an IP address.") from None
    return value
