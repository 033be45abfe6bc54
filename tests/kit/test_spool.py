"""Does a spool give back every line, in order, until it is settled, and after its process has died?"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from kit import spool

ROOM = 1_000_000

CHILD = """
import sys, time
from pathlib import Path
from kit import spool
it = spool.make(Path(sys.argv[1]), most=1_000_000)
for number in range(100):
    assert it.append(b"line %d" % number)
print("written", flush=True)
time.sleep(60)
"""


def test_lines_come_back_in_order_until_they_are_settled(tmp_path: Path) -> None:
    it = spool.make(tmp_path / "visits", most=ROOM)
    assert not it.waits
    for line in (b"one", b"two", b"three"):
        assert it.append(line)
    first = it.read(2)
    assert (first.lines, it.read(2)) == ((b"one", b"two"), first)
    it.settle(first.size)
    assert it.append(b"four")
    assert it.read(10).lines == (b"three", b"four")
    it.settle(it.read(10).size)
    assert (it.waits, it.size, it.read(10).lines) == (False, 0, ())
    it.close()
    assert list((tmp_path / "visits").iterdir()) == []


def test_what_is_settled_takes_no_room(tmp_path: Path) -> None:
    it = spool.make(tmp_path, most=100)
    for _ in range(50):
        assert it.append(b"x" * 89)
        assert not it.append(b"x" * 20), "full"
        it.settle(it.read(10).size)
    it.close()


def test_a_spool_that_is_never_empty_does_not_grow(tmp_path: Path) -> None:
    it = spool.make(tmp_path, most=8_000_000)
    assert it.append(b"%09d" % 0)
    for number in range(1, 300):
        for _ in range(100):
            assert it.append(b"%09d" % number + b"x" * 990)
        portion = it.read(100)  # one always stays behind
        assert portion.lines[0][:9] == b"%09d" % (number - 1)
        it.settle(portion.size)
    last = it.read(10)
    assert [line[:9] for line in last.lines] == [b"%09d" % 299]
    it.settle(last.size)
    it.close()


def test_syncing_is_asked_for_once(tmp_path: Path) -> None:
    it = spool.make(tmp_path, most=ROOM)
    assert it.append(b"one")
    assert it.unsynced
    it.sync()
    assert not it.unsynced
    it.settle(it.read(10).size)
    assert not it.unsynced
    it.close()


def test_a_line_that_a_power_cut_left_half_is_passed_over(tmp_path: Path) -> None:
    torn = tmp_path / "old.spool"
    torn.write_bytes(b"whole\nha")
    [it] = spool.orphans(tmp_path)
    portion = it.read(10)
    assert portion.lines == (b"whole",)
    it.settle(portion.size)
    rest = it.read(10)
    assert (rest.lines, rest.size) == ((), 2)
    it.settle(rest.size)
    it.close()
    assert not torn.exists()


def test_only_the_dead_leave_orphans(tmp_path: Path) -> None:
    own = spool.make(tmp_path, most=ROOM)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path(__file__).resolve().parents[2]
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"written\n"
    assert list(spool.orphans(tmp_path)) == [], "both live"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    [orphan] = spool.orphans(tmp_path)
    assert orphan.read(1000).lines == tuple(b"line %d" % number for number in range(100))
    orphan.close()
    assert len(os.listdir(tmp_path)) == 2, "not settled: it stays"
    [orphan] = spool.orphans(tmp_path)
    orphan.settle(orphan.read(1000).size)
    orphan.close()
    own.close()
    assert os.listdir(tmp_path) == []
