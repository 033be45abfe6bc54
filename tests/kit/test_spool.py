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
    told, seen = 0, 0
    for _ in range(300):
        for _ in range(100):
            assert it.append(b"%09d" % told + b"x" * 990)
            told += 1
        while told - seen > 1:  # one always stays behind
            portion = it.read(min(100, told - seen - 1))
            assert [int(line[:9]) for line in portion.lines] == list(range(seen, seen + len(portion.lines)))
            seen += len(portion.lines)
            it.settle(portion.size)
        assert it.size == 1_000
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2_000_000, "settled lines do not stay for long"
    it.settle(it.read(10).size)
    it.close()
    assert list(tmp_path.iterdir()) == []


def test_a_long_wait_is_kept_in_several_files_and_told_in_order(tmp_path: Path) -> None:
    it = spool.make(tmp_path, most=20_000_000)
    for number in range(15_000):
        assert it.append(b"%09d" % number + b"x" * 990)
    it.sync()
    assert (it.size, it.unsynced) == (15_000_000, False)
    it.settle(it.read(50).size)
    it.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) == 4
    assert max(path.stat().st_size for path in files) < 5_000_000
    found = []
    for orphan in spool.orphans(tmp_path):
        while orphan.waits:
            portion = orphan.read(1_000)
            found += [int(line[:9]) for line in portion.lines]
            orphan.settle(portion.size)
        orphan.close()
    assert found == list(range(15_000)), "the settled ones too: nothing of a file goes before all of it"
    assert list(tmp_path.iterdir()) == []


def test_what_was_brought_to_the_disk_is_never_written_to_again(tmp_path: Path) -> None:
    """A power cut may leave any of the last writes done and others not: none may touch what is to be told still."""
    it = spool.make(tmp_path, most=20_000_000)
    [path] = tmp_path.iterdir()
    held = path.open("rb")  # also when its name is gone
    for number in range(6_000):
        assert it.append(b"%09d" % number + b"x" * 990)
    before = held.read()
    it.sync()
    for _ in range(55):
        it.settle(it.read(100).size)
        assert it.append(b"news" * 200)
        held.seek(0)
        assert held.read(len(before)) == before
    held.close()
    it.close()


def test_without_room_for_another_file_the_old_one_goes_on(tmp_path: Path) -> None:
    it = spool.make(tmp_path / "visits", most=20_000_000)
    line = b"x" * 999_999
    for _ in range(5):
        assert it.append(line)
    (tmp_path / "visits").rename(tmp_path / "moved")
    for _ in range(3):
        assert it.append(line), "nothing is lost where no file can be made"
    (tmp_path / "moved").rename(tmp_path / "visits")
    assert it.append(line)
    assert len(list((tmp_path / "visits").iterdir())) == 2
    count = 0
    while it.waits:
        portion = it.read(1)
        it.settle(portion.size)
        count += portion.size
    assert count == 9_000_000
    it.close()


def test_syncing_is_asked_for_once(tmp_path: Path) -> None:
    it = spool.make(tmp_path, most=ROOM)
    assert it.append(b"one")
    assert it.unsynced
    it.sync()
    assert not it.unsynced
    it.settle(it.read(10).size)
    assert not it.unsynced
    assert it.append(b"x")
    assert it.unsynced, "shorter than what was there before"
    it.sync()
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


def test_a_file_that_somebody_cut_short_ends_there(tmp_path: Path) -> None:
    (tmp_path / "old.spool").write_bytes(b"one\ntwo\nthree\n")
    [it] = spool.orphans(tmp_path)
    it.settle(it.read(1).size)
    os.truncate(tmp_path / "old.spool", 4)
    portion = it.read(10)
    assert portion.lines == ()
    it.settle(portion.size)
    assert not it.waits
    it.close()


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
