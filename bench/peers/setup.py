"""What must a machine have before peers can run? `python -m bench.peers.setup` installs what is missing, when root.

Debian packages come without starting a service; Haraka and its plugin come from npm by the committed lock, into a folder
that git does not know.
"""

import subprocess
import sys

from bench.peers import FOLDER
from bench.peers.haraka import PACKAGES
from tests.support import setup


def main() -> int:
    """Make the machine ready; return 0 when everything is there."""
    if status := setup.main():
        return status
    if not (PACKAGES / "Haraka" / "package.json").exists():
        print("bench: installing Haraka (half a minute)")
        done = subprocess.run(["npm", "ci", "--loglevel=error"], cwd=FOLDER / "haraka", check=False)
        if done.returncode:
            print("bench: Haraka could not be installed; `make bench` goes on without it", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
