"""What if leases were long? The worker process as shipped, with leases that outlast a round of kills, and its share of the machine.

A message that lapses a third time is held, rightly, and its lapses are to be its own: with leases of 90 seconds a round
could last no longer. And a worker gives way to every other process: on a machine that a storm keeps busy, it would hardly
get as far as the place where it is to die.
"""

import contextlib
import os
from datetime import timedelta
from pathlib import Path

from kit import chaos
from kit.settings import Settings, load
from mail.routing import Routes, open_routes
from workers.boot import serve

LEASE = timedelta(minutes=10)


def ways_out(settings: Settings) -> Routes:
    """The routes as shipped; asked for once the process has given way, which is taken back."""
    os.setpriority(os.PRIO_PROCESS, 0, 0)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text("0")
    return open_routes(settings)


if __name__ == "__main__":
    chaos.arm(os.environ.get("LIVERY_CHAOS", ""))
    serve(load(os.environ), lease=LEASE, ways_out=ways_out)
