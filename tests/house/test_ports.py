"""Do two test processes ever share a port?"""

import sys
from subprocess import PIPE, Popen

from tests.house.tree import CHECKOUT

_TAKE = "from tests.support.ports import free_ports; print(*free_ports(500), flush=True); input()"


def test_no_two_processes_are_handed_the_same_port() -> None:
    """Each keeps what it was handed as long as it lives, whether it listens there or not yet."""
    takers = [Popen([sys.executable, "-c", _TAKE], cwd=CHECKOUT, text=True, stdin=PIPE, stdout=PIPE) for _ in range(3)]
    try:
        handed = [taker.stdout.readline().split() for taker in takers if taker.stdout]
    finally:
        for taker in takers:
            taker.communicate("\n")
    assert [len(ports) for ports in handed] == [500, 500, 500]
    assert len(set().union(*handed)) == 1500
