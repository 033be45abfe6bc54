"""Where may a process be made to die, to prove that nothing is lost there? At points named in the code, which cost nothing.

`chaos.point("after-dot-before-commit")` does nothing in a process that was started without `LIVERY_CHAOS`. With it the
variable names a file; whoever runs the experiment writes one line into it, `<point> <passage> <any word>`, and the
process kills itself with SIGKILL at that passage of that point, counted from when the line was written. Before it dies
it adds the line to `<file>.hits`. An empty or missing file means that nothing happens, so a running process can be armed
and disarmed. `docs/chaos.md` lists the points.
"""

import asyncio
import os
import signal
from collections.abc import Callable


def _nothing(name: str) -> None:
    """Nobody experiments with this process."""


point: Callable[[str], None] = _nothing
"""Die here if this passage is the one. Call it as `chaos.point(…)`: the function is exchanged when a process is armed."""

soon: Callable[[str], None] = _nothing
"""The same once everything written to sockets so far has left the process; it needs a running event loop."""


def arm(file: str) -> None:
    """From now on obey `file`; an empty name changes nothing. Call it at the root of a process."""
    global point, soon
    if file:
        plan = _Plan(file)
        point, soon = plan.passed, plan.passed_soon


class _Plan:
    """What the file says, and how much of it has been passed."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._line = ""
        self._passages = 0

    def passed(self, name: str) -> None:
        try:
            with open(self._file) as file:
                line = file.readline().strip()
        except OSError:
            return
        if line != self._line:
            self._line, self._passages = line, 0
        wanted, _, rest = line.partition(" ")
        if wanted != name:
            return
        self._passages += 1
        if self._passages == int(rest.partition(" ")[0]):
            with open(f"{self._file}.hits", "a") as hits:
                hits.write(f"{line}\n")
            os.kill(os.getpid(), signal.SIGKILL)

    def passed_soon(self, name: str) -> None:
        # Event loops write to sockets at the end of a turn; what a TLS layer holds goes in the turn after.
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self.passed, name)
