"""What would be asked of a sender if there were no credits and no limits? `python -m bench.unchecked` is an SMTP door that does."""

from collections.abc import Sequence

import smtpd
from cli.environment import settled
from kit.db import Connection
from mail import admission
from mail.admission import Applicant, Decision
from tenants.authentication import IN_FORCE
from tenants.states import Use, blocked

_SENDER = f"""
with verified as materialized (
  select name, account_id from domain_owners($2::text[])
)
select s.id, s.lineage, {blocked(Use.SUBMISSION, "s.lineage")} as barred,
       array(select name::text from verified) as names, array(select account_id from verified) as owners,
       array(select id from unnest(array(select unnest($3::uuid[]))) as k (id)
              where not exists (select from credential c where c.id = k.id and {IN_FORCE})) as lapsed
  from account s where s.id = any (array(select unnest($1::uuid[])))
"""


async def decide(conn: Connection, applicants: Sequence[Applicant]) -> Decision:
    """Stands in for `mail.admission.decide`: suspended, whose From domain, credential in force; everybody is let in."""
    domains = {domain for applicant in applicants for domain in applicant.from_domains}
    await conn.fetch(
        _SENDER,
        sorted({applicant.account_id for applicant in applicants}),
        sorted(domains),
        sorted({applicant.credential_id for applicant in applicants if applicant.credential_id is not None}),
    )
    return Decision({}, {}, ())


if __name__ == "__main__":
    admission.decide = decide
    with settled() as settings:
        smtpd.serve(settings)
