"""When is a deferred message tried again, and for how long? The schedule of one message; `mail.pacing` paces sites.

5, 10, 20 and 40 minutes, then 1, 2 and 4 hours and every 4 hours from there, each ± 10 %, so that a thousand mails
deferred together do not come back together. The first wait is not under five minutes, because greylisting asks for
that; RFC 5321 §4.5.4.1 advises half an hour and two tries in the first hour, which this keeps on average. Chance is
passed in; there is no clock here.
"""

from datetime import timedelta
from random import Random

WAITS = tuple(timedelta(minutes=minutes) for minutes in (5, 10, 20, 40, 60, 120, 240))
"""The wait after the first, second … attempt; the last one repeats."""

JITTER = 0.1
"""Share by which a wait is shortened or lengthened at random."""

LIFE = timedelta(hours=72)
"""How long a message is tried, unless its account says otherwise (1 hour to 7 days)."""

LONGEST = timedelta(hours=24)
"""A host may ask for a longer wait than the schedule's, but not for more than this."""


def next_delay(
    attempt: int,
    rng: Random,
    *,
    age: timedelta = timedelta(0),
    life: timedelta = LIFE,
    stated: timedelta | None = None,
) -> timedelta | None:
    """The wait after attempt number `attempt` (1 = the first one), or None where the message's life ends before.

    `age` is the time since the message was accepted, `stated` the wait that the receiver named in its reply: never come
    sooner than that. The last attempt is made close to the end of life rather than skipped: where the wait would pass
    the end but at least half of it remains, the wait is cut to what remains.
    """
    shorten = JITTER if attempt > 1 else 0.0  # the first wait is only lengthened: greylists ask for five whole minutes
    wait = WAITS[min(max(attempt, 1), len(WAITS)) - 1] * (1 + rng.uniform(-shorten, JITTER))
    if stated is not None:
        # A little after the stated moment, never before it: greylists count seconds.
        wait = max(wait, min(stated, LONGEST) * (1 + rng.uniform(0, JITTER)))
    left = life - age
    if wait <= left:
        return wait
    floor = max(wait / 2, WAITS[0], stated or timedelta(0))
    return left if left >= floor else None
