"""With the route on Postfix's smtp-sink the message arrives there, signed."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.flows.test_delivery import published_keys
from tests.support import process
from tests.support.dkim_check import dkimpy_verifies
from tests.support.mails import added, rich
from tests.support.platform import greets
from tests.support.stage import Stage, eventually


async def test_the_message_arrives_there_signed(stage: Stage) -> None:
    content = rich("user@shop.test", "reader@far.test", seed=26)
    with tempfile.TemporaryDirectory(prefix="lvsi-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        argv = ["/usr/sbin/smtp-sink", "-d", f"{folder}/mail.", f"127.0.0.1:{stage.sink_port}", "10"]
        sink = process.start(process.as_user(argv, process.unprivileged()), log=folder / "log", cwd=folder)
        try:
            await asyncio.to_thread(
                process.wait_until, lambda: greets(stage.sink_port), "smtp-sink", process=sink, log=folder / "log"
            )
            await stage.submit(content, ["reader@far.test"])

            async def look() -> bytes | None:
                return next((mail for mail in _dumped(folder) if mail.endswith(b"end.\n\n\n\n")), None)

            dump = await eventually(look, "dump of smtp-sink", explain=stage.explain)
            await stage.settle()
        finally:
            process.stop(sink)
    # Its dump starts with fields of its own (X-Client-Addr …, Received) and has LF lines.
    wire = dump.replace(b"\n", b"\r\n")
    mail = wire[wire.index(b"DKIM-Signature:") :].removesuffix(b"\r\n")
    assert added(mail, content) == ["dkim-signature", "received"]
    assert dkimpy_verifies(mail, await published_keys(stage))


def _dumped(folder: Path) -> Iterator[bytes]:
    for path in folder.glob("mail.*"):
        yield path.read_bytes()
