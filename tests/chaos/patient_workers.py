"""What if leases were long? The worker process as shipped, with leases that outlast a round of kills.

A message that lapses a third time is held, rightly, and its first two lapses are to be its own: with leases of 90 seconds
a round could last no longer.
"""

import os
from datetime import timedelta

from kit import chaos
from kit.settings import load
from workers.boot import serve

LEASE = timedelta(minutes=10)

if __name__ == "__main__":
    chaos.arm(os.environ.get("LIVERY_CHAOS", ""))
    serve(load(os.environ), lease=LEASE)
