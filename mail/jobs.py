"""What may be rung for? Jobs carry ids, never content, and each may run twice, late or not at all.

`kit.jobs.ring(job)` after a commit wakes a worker at once; the clock (`workers.clock`) rings for whatever is due anyway.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dispatch:
    """These recipients are probably due. Only a hint: the worker claims what is due, fairly, whoever was named."""

    recipient_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judge:
    """These mails have probably come back. Only a hint: whatever is not judged yet is judged, oldest first."""

    returned_ids: tuple[str, ...] = ()
