"""What does a process settle with the kernel: whose life it shares, and how many files it may open?"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def die_with_parent(signal_: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` by which the kernel sends the child `signal_` when the thread that made it ends, even by SIGKILL.

    It runs after the change of user, which would clear it. Elsewhere than on Linux it does nothing.
    """
    parent = os.getpid()
    # Loaded before the fork: the child may only make the call.
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None

    def tie() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, int(signal_), 0, 0, 0)
            if os.getppid() != parent:  # it died before the tie was made
                os._exit(1)

    return tie


def allow_many_files(most: int = 65_536) -> None:
    """Raise this process's limit of open files as far as it may, to `most`: each peer is one, and 1,024 is soon reached."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def give_way(nice: int) -> None:
    """Let every other process of this machine go first where the processor is short: `nice` from 1 to 19.

    Where Linux groups processes by session (`sched_autogroup_enabled`), niceness counts only within the session, so the
    session's own is lowered too, unless it is shared with others.
    """
    os.nice(nice)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # not Linux, no grouping, or not ours to set
            Path("/proc/self/autogroup").write_text(str(nice))
