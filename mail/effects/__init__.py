"""What follows from a fact? Consequences, called by name from `mail.ledger.record` in the same transaction.

recipients    the row moves to its new state, or is marked
refunds       what was never sent to is paid back
suppressions  to whom nothing is sent any more
copies        a rule stops whose copy came back or was complained about
"""
