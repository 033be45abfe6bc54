"""What does a process see of itself? Says so, waits as many seconds as it is told and ends with status 3."""

import json
import os
import random
import secrets
import sys
import threading
import time

if __name__ == "__main__":
    seen = {
        "pid": os.getpid(),
        "session": os.getsid(0),
        "environment": dict(os.environ),
        "arguments": sys.argv[1:],
        "luck": [random.random(), secrets.token_hex()],
        "threads": threading.active_count(),
        # The last one is that of the folder while it is listed.
        "files": sorted(map(int, os.listdir("/proc/self/fd"))),
    }
    print(json.dumps(seen), flush=True)
    time.sleep(float(sys.argv[1]))
    sys.exit(3)
