"""To whom is nothing sent? Each account has a list of its own, and the operator one that holds for everybody.

    entries     the lists themselves: what is compared, who is on one, how an address gets there and leaves again
    keeping     what people do with a list: look, add, remove
    table       a list as CSV, in and out

An address is asked about when mail comes in (`mail.admission`: recorded, not charged) and once more when it is about to
leave (`mail.dispatch.prepare`: paid back). It gets there by what comes back (`mail.effects.suppressions`) or by hand. What
an account above has on its list does not hold for those below it: docs/decisions/0008.
"""

from mail.models.suppression import SuppressionReason as Reason
from mail.suppressions.entries import Listed, Newcomer, forget_ended, key, lift, put, suppress, suppressed

__all__ = ["Listed", "Newcomer", "Reason", "forget_ended", "key", "lift", "put", "suppress", "suppressed"]
