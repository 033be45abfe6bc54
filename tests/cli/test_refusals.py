"""Does a start that cannot work say so in one line, before it has touched anything?"""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.cli.machine import CHECKOUT, Machine


def refusal(machine: Machine, *words: str, **environ: str) -> str:
    status, said = machine.livery(*(words or ("run", "--demo")), environ=environ)
    lines = [line for line in said.splitlines() if not line.endswith("…")]
    assert status == 1, said
    assert len(lines) == 1, said
    assert machine.processes() == {}
    return lines[0].removeprefix("livery: ")


def test_a_taken_port_is_named_with_its_holder(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", machine.submission)):
        said = refusal(machine)
    assert said.startswith(f"Port {machine.submission} is taken by process {os.getpid()} (")
    assert said.endswith("Stop that, or set LIVERY_SMTP_PORTS to another port.")
    assert not (machine.data_dir / "postgres").exists()


def test_data_of_another_major_version_is_left_alone(machine: Machine) -> None:
    cluster = machine.data_dir / "postgres"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("12\n")
    (machine.data_dir / "secret.key").write_text("00" * 32)
    said = refusal(machine)
    assert said.startswith(f"The data in {cluster} was written by PostgreSQL 12, and this version runs PostgreSQL 18.")
    assert [file.name for file in cluster.iterdir()] == ["PG_VERSION"]


def test_a_lost_key_is_not_replaced(machine: Machine) -> None:
    cluster = machine.data_dir / "postgres"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("18\n")
    said = refusal(machine)
    assert said.startswith(f"The secret key {machine.data_dir / 'secret.key'} is gone, and the database beside it")
    assert not (machine.data_dir / "secret.key").exists()


def test_a_data_folder_that_cannot_be_made(machine: Machine) -> None:
    machine.data_dir.with_name("file").write_text("")
    folder = machine.data_dir.with_name("file") / "data"
    said = refusal(machine, LIVERY_DATA_DIR=str(folder))
    assert said.startswith(f"The data folder {folder} cannot be written (not a directory).")


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"LIVERY_HTTP_PORT": "http"}, "LIVERY_HTTP_PORT is 'http': it takes a port number from 1 to 65535."),
        ({"LIVERY_ROUTE": "carrier pigeon"}, "LIVERY_ROUTE is 'carrier pigeon': it takes mx, simulator or"),
        ({"LIVERY_BIND": "0.0.0.0"}, "The demo's passwords are public, so it listens on loopback only"),
    ],
)
def test_a_setting_that_cannot_be_used(machine: Machine, environ: dict[str, str], said: str) -> None:
    assert refusal(machine, **environ).startswith(said)


def bare_machine(place: Path, script: str) -> tuple[Path, dict[str, str]]:
    """A checkout with one setup script, and the environment of a machine with hardly any program."""
    copy = place / "cli" / "setup" / script
    copy.parent.mkdir(parents=True)
    copy.write_text((CHECKOUT / "cli" / "setup" / script).read_text())
    tools = place / "bin"
    tools.mkdir()
    for tool in ("sh", "cat", "cksum", "cut", "dirname", "rm"):
        (tools / tool).symlink_to(f"/usr/bin/{tool}")
    return copy, {"PATH": str(tools), "HOME": str(place)}


def run_script(script: Path, environ: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/sh", str(script), *words], env=environ, capture_output=True, text=True, check=False)


def test_without_any_python_one_line_says_what_to_type(tmp_path: Path) -> None:
    script, environ = bare_machine(tmp_path, "python.sh")
    (tmp_path / "requirements.lock").write_text("")
    # A pyenv shim: it exists, and fails when it is run.
    shim = tmp_path / "bin" / "python3.13"
    shim.write_text("#!/bin/sh\necho 'pyenv: version 3.13 is not installed' >&2\nexit 127\n")
    shim.chmod(0o755)
    done = run_script(script, environ)
    assert done.returncode == 1
    assert done.stderr.startswith("Python 3.12 or newer is needed. Type: ")
    assert (done.stderr.count("\n"), done.stdout) == (1, "")
    assert not (tmp_path / ".venv").exists()


def test_without_node_one_line_says_so_and_the_rest_goes_on(tmp_path: Path) -> None:
    script, environ = bare_machine(tmp_path, "web.sh")
    (tmp_path / "web-vue").mkdir()
    done = run_script(script, environ, "if-node")
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        done.stdout == "No Node.js 20 or newer: everything but the dashboard will run. Install it and make run again.\n"
    )
    done = run_script(script, environ)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Node.js 20 or newer, with npm, is needed. Type: apt-get install nodejs npm\n"
