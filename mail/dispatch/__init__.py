"""How does mail leave the house? `Desk` is the way out of one worker process; this package is its parts.

    desk        claim, prepare, deliver, record: the whole flow
    claim       the queue's SQL: fair claims, leases, fences, suspicion
    leases      what is held and for how long for certain
    prepare     bodies and keys read in batches, messages made into letters
    steps       what must hold for a message to leave, and what is made of it
    treated     what is put into each recipient's message
    letters     a message for one recipient, and the room it needs
    budget      how much content may be in memory
    barred      whose letters stay because their account was suspended meanwhile
    lanes       how many conversations with one site
    outcomes    verdicts as facts
    recorder    facts into the ledger, batched
    away        which errors only mean that the database is away

PostgreSQL is the queue and rings are hints: every process looks by itself, and the clock rings for what is due.
"""

from mail.dispatch.desk import Desk, Limits

__all__ = ["Desk", "Limits"]
