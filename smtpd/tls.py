"""Which certificate do we show? The one on disk now: a renewed one serves the next handshake, no session notices.

TLS 1.2 or newer (RFC 8996), with the ciphers the platform's OpenSSL calls safe.
"""

import ssl
from pathlib import Path

import structlog

log = structlog.get_logger()


class Certificate:
    """A certificate chain and its key in PEM files, followed as they change."""

    def __init__(self, chain: Path, key: Path) -> None:
        """Raises OSError or ssl.SSLError when the files cannot be used: nothing should start without TLS."""
        self._chain = chain
        self._key = key
        self._seen = self._stamp()
        self.context = _context(chain, key)
        """What the next handshake uses."""

    def follow(self) -> None:
        """Take up the files when they have changed; a pair that does not fit leaves the old one in place."""
        try:
            stamp = self._stamp()
        except OSError:
            return  # between the two steps of a replacement
        if stamp != self._seen:
            self.reload()

    def reload(self) -> None:
        """Take up the files now. Says in the log whether that worked."""
        try:
            stamp = self._stamp()
            self.context = _context(self._chain, self._key)
        except (OSError, ssl.SSLError) as error:
            log.error("smtp.certificate_refused", chain=str(self._chain), reason=str(error))
            return
        self._seen = stamp
        log.info("smtp.certificate_loaded", chain=str(self._chain))

    def _stamp(self) -> tuple[tuple[int, int], ...]:
        return tuple((s.st_mtime_ns, s.st_ino) for s in (self._chain.stat(), self._key.stat()))


def _context(chain: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain, key)
    return context
