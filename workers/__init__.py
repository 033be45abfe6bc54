"""Who does the work that no client waits for? This package is one of three doors: it translates and never decides.

    boot       one worker process: its desk, and Dramatiq's consumers on our event loop
    dispatch   what a ring for due mail does: the desk looks
    returns    what a ring for returned mail does: the bench judges
    clock      one leader rings for whatever is due, counts the ledger, expires, tidies up
    leader     which of several clocks leads
    watchdog   a process whose loop is stuck ends itself
    measures   what the clock counts about the whole platform

Beside `kit.jobs` only this package knows Dramatiq. Handlers are marked with `kit.jobs.handles` and have a few lines
each.
"""

from workers.boot import serve

__all__ = ["serve"]
