"""What does one see when everything is up? The addresses, the logins, and the first message to send."""

import ipaddress
import shutil
import socket
from urllib.parse import urlsplit

from kit.settings import Settings

PASSWORD = "livery-demo"  # noqa: S105 (public: the demo listens on loopback only)
SMTP_USER, SMTP_PASSWORD = "demo", "livery-demo-smtp"
API_KEY = "lv_demo_key"

_SENDER, _RECIPIENT = "user@shop.test", "delivered@simulator.livery.test"


def table(settings: Settings, *, seconds: float) -> str:
    """The whole text, ready to print."""
    blocks = [f"Ready in {seconds:.1f} s.", _addresses(settings)]
    if settings.demo:
        blocks += [_logins(settings), _first_message(settings)]
    else:
        blocks.append(
            "First steps\n"
            "  .venv/bin/livery operator create --email you@example.com\n"
            "  .venv/bin/livery credential create --account SLUG"
        )
    if ipaddress.ip_address(settings.bind).is_loopback:
        blocks.append(_from_elsewhere(settings))
    blocks.append(f"Ctrl-C stops everything. Logs: {settings.data_dir / 'log'}")
    return "\n" + "\n\n".join(blocks) + "\n"


def _addresses(settings: Settings) -> str:
    rows = [("API", f"http://{_host(settings)}:{settings.http_port}/graphql")]
    if (settings.web_root / "index.html").exists():
        rows.insert(0, ("Dashboard", f"http://{_host(settings)}:{settings.http_port}"))
    else:
        rows.insert(0, ("Dashboard", "not built: it needs Node.js 20 or newer, then: make run"))
    starttls, tls = (", ".join(map(str, ports)) for ports in (settings.smtp_ports, settings.smtps_ports))
    rows += [
        ("SMTP", f"{_host(settings)}, ports {starttls} (STARTTLS), {tls} (TLS)"),
        ("Returns", f"port {settings.mx_port}, for bounces and complaints; with a login also for sending"),
        ("Delivery", _route(settings)),
    ]
    if settings.demo and not settings.route.startswith("smtp://"):
        rows.append(("Recipients", f"{_RECIPIENT}, bounced@, deferred@ … play what they are called (docs/smtp.md)"))
    return _rows("Addresses", rows)


def _route(settings: Settings) -> str:
    if settings.route == "simulator":
        return "simulator: nothing leaves this machine (LIVERY_ROUTE=mx delivers for real)"
    return "by DNS to the recipients' hosts" if settings.route == "mx" else f"everything to {settings.route}"


def _logins(settings: Settings) -> str:
    port = settings.http_port
    return _rows(
        "Logins",
        [
            ("operator@livery.test", f"{PASSWORD}   the platform     http://{_host(settings)}:{port}"),
            ("reseller@acme.test", f"{PASSWORD}   a reseller       http://acme.localhost:{port}"),
            ("user@shop.test", f"{PASSWORD}   its customer     http://shop.localhost:{port}"),
            ("SMTP", f"user {SMTP_USER}, password {SMTP_PASSWORD}"),
            ("API key", API_KEY),
        ],
    )


def _first_message(settings: Settings) -> str:
    server = f"{_host(settings)}:{settings.smtp_ports[-1]}"
    swaks = (
        f"swaks --from {_SENDER} --to {_RECIPIENT} --server {server} --tls "
        f"--auth PLAIN --auth-user {SMTP_USER} --auth-password {SMTP_PASSWORD}"
    )
    curl = (
        f"printf 'From: {_SENDER}\\nTo: {_RECIPIENT}\\nSubject: First message\\n\\nIt works.\\n' | "
        f"curl --url smtp://{server} --ssl-reqd -k --crlf --user {SMTP_USER}:{SMTP_PASSWORD} "
        f"--mail-from {_SENDER} --mail-rcpt {_RECIPIENT} -T -"
    )
    ways = [curl, swaks] if shutil.which("swaks") is None else [swaks, curl]
    return "First message (any of these, or the button in the dashboard)\n" + "\n".join(f"  {way}" for way in ways)


def _from_elsewhere(settings: Settings) -> str:
    ports = (settings.http_port, *settings.smtp_ports[-1:])
    forwards = " ".join(f"-L {port}:127.0.0.1:{port}" for port in ports)
    return f"From another machine\n  ssh {forwards} {socket.gethostname()}"


def _host(settings: Settings) -> str:
    if settings.bind in {"0.0.0.0", "::"}:  # noqa: S104 (asked, not bound)
        return urlsplit(settings.public_url).hostname or socket.gethostname()
    return f"[{settings.bind}]" if ":" in settings.bind else settings.bind


def _rows(title: str, rows: list[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return title + "\n" + "\n".join(f"  {name:{width}}  {value}" for name, value in rows)
