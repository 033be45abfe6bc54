"""Does the platform run for an ordinary user, from a path of 120 characters, with no PostgreSQL library on the machine?

Where the tests run as root, whose home nobody else may enter, interpreter, packages and checkout are linked to a place
where an ordinary user can read them; everything else is as on that user's own machine.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.machine import CHECKOUT, Machine, greets
from tests.support.process import unprivileged

PACKAGES = ("api", "cli", "kit", "mail", "smtpd", "tenants", "workers")


def copied(source: Path, target: Path) -> None:
    """The same tree elsewhere, by hard links where the disk is the same."""
    target.parent.mkdir(parents=True, exist_ok=True)
    link = subprocess.run(["cp", "-al", str(source), str(target)], capture_output=True, check=False)
    if link.returncode != 0:
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cp", "-a", str(source), str(target)], check=True)


@pytest.fixture
def stranger() -> Iterator[Machine]:
    """An ordinary user's machine with the checkout at a path of 120 characters."""
    place = Path(tempfile.mkdtemp(prefix="lv-"))
    uid = unprivileged()
    try:
        place.chmod(0o755)
        copied(Path(sys.base_prefix), place / "python")
        packages = place / "packages"
        copied(Path(sysconfig.get_path("purelib")), packages)
        checkout = place / ("x" * (120 - len(str(place)) - 1))
        for package in PACKAGES:
            copied(CHECKOUT / package, checkout / package)
        assert len(str(checkout)) == 120
        data_dir = checkout / ".livery"
        data_dir.mkdir()
        if uid is not None:
            os.chown(data_dir, uid, -1)
            os.chown(checkout, uid, -1)
        python = place / "python" / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
        machine = Machine(data_dir, command=[str(python), "-P", "-m", "cli"], uid=uid)
        machine.environ |= {
            "PYTHONPATH": f"{checkout}:{packages}",
            "LD_LIBRARY_PATH": str(place / "python" / "lib"),
            "HOME": "/nonexistent",
        }
        try:
            yield machine
        finally:
            machine.remove()
    finally:
        shutil.rmtree(place)


def test_an_ordinary_user_runs_it_all_from_a_long_path_without_a_system_libpq(stranger: Machine) -> None:
    platform = stranger.start()
    assert greets(stranger.submission)
    everything = stranger.processes()
    assert "postgres" in everything.values()
    owners = {Path(f"/proc/{pid}").stat().st_uid for pid in everything}
    assert owners == {stranger.uid if stranger.uid is not None else os.getuid()}
    for pid in everything:
        loaded = re.findall(r"\S*libpq\S*", Path(f"/proc/{pid}/maps").read_text())
        assert [path for path in loaded if "/packages/" not in path] == []
    # Only this user may reach the database: the socket's folder is closed to everybody else.
    sockets = list(Path("/tmp").glob(f"livery-{next(iter(owners))}-*"))
    assert sockets
    assert {folder.stat().st_mode & 0o777 for folder in sockets} == {0o700}
    assert platform.stop(signal.SIGINT) == 0
    assert stranger.processes() == {}


def test_a_read_only_data_folder_is_said_so_in_one_line(stranger: Machine) -> None:
    stranger.data_dir.chmod(0o555)
    status, said = stranger.livery("run", "--demo")
    assert status == 1
    assert said == (
        f"livery: The data folder {stranger.data_dir} cannot be written (permission denied). "
        "Make it writable for this user, or set LIVERY_DATA_DIR to another folder.\n"
    )
    assert stranger.processes() == {}
    assert list(stranger.data_dir.iterdir()) == []
