"""Is what an operator does on the command line written down, without what must stay secret?"""

import asyncio
import json
import re

from kit.db import connect
from tests.cli.machine import Machine


async def _entries(url: str) -> list[tuple[str, dict[str, list[object]]]]:
    conn = await connect(url)
    try:
        rows = await conn.fetch(
            """select e.action, e.changes, a.slug, e.member_id, e.credential_id, e.target
                 from audit_entry e join account a on a.id = e.account_id order by e.id"""
        )
        targets = {
            row["id"]
            for row in await conn.fetch("select id::text from member union all select id::text from credential")
        }
    finally:
        await conn.close()
    assert {row["slug"] for row in rows} == {"livery"}
    assert {(row["member_id"], row["credential_id"]) for row in rows} == {(None, None)}, (
        "nobody but the platform itself"
    )
    assert {row["target"] for row in rows} == targets
    return [(row["action"], json.loads(row["changes"])) for row in rows]


def test_what_is_done_on_the_command_line_is_in_the_audit_list(machine: Machine, database_url: str) -> None:
    services = {"LIVERY_DATABASE_URL": database_url, "LIVERY_SECRET_KEY": "5e" * 32}

    def livery(*words: str, feed: str = "") -> str:
        status, said = machine.livery(*words, environ=services, feed=feed)
        assert status == 0, said
        return said

    livery("operator", "create", "--email", "Olga@provider.test", "--password-stdin", feed="long enough for it\n")
    secret = re.findall(r"mk_\w+", livery("credential", "create", "--account", "livery", "--key", "--name", "Feed"))[0]
    for step in ("disable", "enable", "revoke"):
        livery("credential", step, "Feed", "--account", "livery")
    found = asyncio.run(_entries(database_url))
    assert found == [
        ("member.create", {"email": [None, "olga@provider.test"], "role": [None, "owner"]}),
        ("credential.create", {"kind": [None, "api"], "name": [None, "Feed"]}),
        ("credential.disable", {"disabled": [False, True]}),
        ("credential.enable", {"disabled": [True, False]}),
        ("credential.revoke", {"revoked": [False, True]}),
    ]
    assert secret not in str(found)
    # What is refused leaves nothing.
    known = ("operator", "create", "--email", "olga@provider.test", "--password-stdin")
    assert machine.livery(*known, environ=services, feed="long enough for it\n")[0] == 1
    assert asyncio.run(_entries(database_url)) == found
