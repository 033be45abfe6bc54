"""What if leases were short? The worker process as shipped, with leases of three seconds."""

import os
from datetime import timedelta

from kit.settings import load
from workers.boot import serve

LEASE = timedelta(seconds=3)

if __name__ == "__main__":
    serve(load(os.environ), lease=LEASE)
