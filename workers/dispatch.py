"""What does a ring for due mail do? The desk of this process looks; whom the ring named is only a hint."""

from kit import chaos
from kit.jobs import handles
from mail.dispatch import Desk
from mail.jobs import Dispatch

_desk: Desk | None = None


def attend(desk: Desk | None) -> None:
    """From now on rings wake this desk; None: nobody is at work any more."""
    global _desk
    _desk = desk


@handles(Dispatch)
async def dispatch(job: Dispatch) -> None:
    """Wake the desk. It claims fairly whatever is due, so the ids are not looked at."""
    if _desk is not None:
        _desk.look()
    chaos.point("ring-taken")
