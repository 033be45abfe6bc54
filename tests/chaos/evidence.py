"""What is kept of a round in which something went wrong? The rows it is about, and what every process and service wrote."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FILE = "wrong.json"
"""In the folder of a platform: everything the database says of recipients that are lost, held or unmarked."""

_MOST = 200


async def testify(conn: Any, addresses: Iterable[str], folder: Path) -> None:
    """Write down what the database says of some recipients, and of their messages and facts."""
    told = []
    for address in sorted(addresses)[:_MOST]:
        for row in await conn.fetch("select * from recipient where address = $1", address):
            told.append(
                {
                    "recipient": dict(row),
                    "message": dict(await conn.fetchrow("select * from message where id = $1", row["message_id"])),
                    "events": [
                        dict(event)
                        for event in await conn.fetch(
                            "select * from event where recipient_id = $1 order by epoch, xid, id", row["id"]
                        )
                    ],
                }
            )
        told.append({"address": address})
    (folder / FILE).write_text(json.dumps(told, indent=1, default=str) + "\n")


def keep(logs: Iterable[Path], to: Path) -> None:
    """Copy folders and files of logs to a folder that is made anew."""
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    for path in logs:
        if path.is_dir():
            shutil.copytree(path, to / path.name, ignore=shutil.ignore_patterns("*.pem", "data"))
        elif path.exists():
            shutil.copy(path, to)
