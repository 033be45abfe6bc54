"""Does every file say what it is for, keep to its size, and name nothing of the machine it was written on?"""

import ast
import re
from pathlib import Path

import pytest

from tests.house.tree import files, text

_LONGEST = 400
_GENERATED = re.compile(r"(^|/)migrations/|\.lock$|package-lock\.json$|/generated/|\.gen\.ts$")


def _python() -> list[Path]:
    return [path for path in files(".py") if not _GENERATED.search(path.as_posix())]


def test_there_are_files_to_check() -> None:
    assert len(_python()) > 50


def test_every_python_file_starts_by_saying_what_it_answers() -> None:
    silent = []
    for path in _python():
        if not text(path):
            continue  # an empty __init__.py marks a folder and answers nothing
        said = ast.get_docstring(ast.parse(text(path)))
        if not said or len(said.splitlines()[0]) < 15:
            silent.append(path.as_posix())
    assert silent == []


def test_no_file_is_two_things() -> None:
    sources = [path for path in files(".py", ".vue", ".ts", ".css") if not _GENERATED.search(path.as_posix())]
    long = {path.as_posix(): lines for path in sources if (lines := text(path).count("\n")) > _LONGEST}
    assert long == {}


# Put together here so that this file does not find itself.
_FORBIDDEN = {
    "a path of one machine": re.compile(r"/work/|/home/[a-z]+/" + r"|/root/\.pyenv/"),
    "a registry's address in a lock": re.compile(r"--(extra-)?index-url|https?://[^\s]*/(simple|artifactory)/"),
    "a private key": re.compile("-----BEGIN" + r" (RSA |EC |)PRIVATE KEY-----\n[A-Za-z0-9+/=\n]{100,}"),
}


@pytest.mark.parametrize("what", _FORBIDDEN)
def test_nothing_of_this_machine_is_in_the_project(what: str) -> None:
    own = [path for path in files() if path.as_posix() != "tests/house/test_files.py" and "corpus" not in path.parts]
    found = [path.as_posix() for path in own if _FORBIDDEN[what].search(text(path))]
    assert found == []


def test_classes_are_not_named_after_nothing() -> None:
    vague = re.compile(r"(Service|Manager|Helper|Util|Utils|Base|Common)$")
    found = [
        f"{path}:{node.lineno} {node.name}"
        for path in _python()
        for node in ast.walk(ast.parse(text(path)))
        if isinstance(node, ast.ClassDef) and vague.search(node.name)
    ]
    assert found == []
