"""Do the arrows point down? import-linter reads every import against the contracts in pyproject.toml."""

import subprocess
import sys
from pathlib import Path

from tests.house.tree import CHECKOUT


def test_the_import_contracts_hold() -> None:
    program = Path(sys.executable).parent / "lint-imports"
    checked = subprocess.run([program, "--no-cache"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout[-4000:]
    assert " 0 broken" in checked.stdout
