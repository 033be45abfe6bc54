"""What must a machine have before the tests run? `python -m tests.support.setup` looks, and installs what is missing.

As root on Debian the missing ones come as packages. No service is started: tests run private instances of their own.
Otherwise one line says what to install. Running it again with everything there takes well under a second.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_POLICY = Path("/usr/sbin/policy-rc.d")  # Debian policy §9.3.3: exit 101 forbids packages to start their services


@dataclass(frozen=True)
class Tool:
    """Something tests use: how to see that it is there, and the Debian packages that bring it."""

    name: str
    there: Callable[[], bool]
    packages: tuple[str, ...]


def _any_of(*paths: str) -> Callable[[], bool]:
    """Is one of these on the PATH, or there as an absolute path (a pattern may stand for a version)?"""

    def there() -> bool:
        return any(
            any(Path("/").glob(path.lstrip("/"))) if path.startswith("/") else shutil.which(path) for path in paths
        )

    return there


def _hebrew_font() -> bool:
    # The dashboard speaks Hebrew and Russian too: without glyphs a screenshot shows boxes.
    if shutil.which("fc-list") is None:
        return False
    found = subprocess.run(["fc-list", ":lang=he", "family"], capture_output=True, check=False)
    return bool(found.stdout.strip())


TOOLS = (
    Tool("PostgreSQL", _any_of("/usr/lib/postgresql/1[5-9]/bin/postgres"), ("postgresql",)),
    Tool("RabbitMQ", _any_of("/usr/lib/rabbitmq/bin/rabbitmq-server"), ("rabbitmq-server",)),
    Tool("Chromium", _any_of("chromium", "chromium-browser"), ("chromium",)),
    Tool("fonts", _hebrew_font, ("fontconfig", "fonts-dejavu-core")),
    Tool("Postfix", _any_of("/usr/sbin/postfix"), ("postfix",)),
    Tool("OpenDKIM", _any_of("/usr/sbin/opendkim"), ("opendkim",)),
    Tool("OpenDKIM tools", _any_of("/usr/sbin/opendkim-testmsg", "/usr/bin/opendkim-testmsg"), ("opendkim-tools",)),
    Tool("swaks", _any_of("swaks"), ("swaks",)),
    Tool("curl", _any_of("curl"), ("curl",)),
    Tool("docker-compose", _any_of("docker-compose"), ("docker-compose",)),
)


def main() -> int:
    """Make the machine ready; return 0 when everything is there, 1 with one line to follow when it is not."""
    missing = [tool for tool in TOOLS if not tool.there()]
    if not missing:
        print(f"tests: {', '.join(tool.name for tool in TOOLS)}: all there")
        return 0
    packages = [package for tool in missing for package in tool.packages]
    advice = f"apt-get install --no-install-recommends {' '.join(packages)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"tests: missing {', '.join(tool.name for tool in missing)}; as root: {advice}", file=sys.stderr)
        return 1
    print(f"tests: installing {', '.join(tool.name for tool in missing)} (Debian packages, no service is started)")
    with _no_services():
        if "postfix" in packages:  # without this answer it would configure itself for this host
            _run(["debconf-set-selections"], feed=b"postfix postfix/main_mailer_type select No configuration\n")
        _apt("update")
        _apt("install", "--no-install-recommends", *packages)
    still = [tool.name for tool in TOOLS if not tool.there()]
    if still:
        print(f"tests: still missing {', '.join(still)} after: {advice}", file=sys.stderr)
        return 1
    return 0


def _apt(*arguments: str) -> None:
    # Another apt may be at work: wait for its lock instead of failing.
    _run(["apt-get", "-y", "-q", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=600", *arguments])


def _run(argv: Sequence[str], feed: bytes = b"") -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(argv, input=feed, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"tests: `{' '.join(argv)}` failed ({done.returncode}); its output is above")


@contextlib.contextmanager
def _no_services() -> Iterator[None]:
    """Keep package scripts from starting services, and end the epmd that erlang's leaves behind."""
    ours = not _POLICY.exists()
    if ours:
        _POLICY.write_text("#!/bin/sh\nexit 101\n")
        _POLICY.chmod(0o755)
    before = _epmds()
    try:
        yield
    finally:
        for pid in _epmds() - before:
            os.kill(pid, signal.SIGTERM)
        if ours:
            _POLICY.unlink()


def _epmds() -> set[int]:
    """Return the process ids of every running epmd (Erlang's port mapper)."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if entry.read_text().strip() == "epmd":
                found.add(int(entry.parent.name))
    return found


if __name__ == "__main__":
    raise SystemExit(main())
