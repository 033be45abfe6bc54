"""How long may a request's head be? Whoever comes, comes here first, so what the parser would take without end ends here."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST = 64 * 1024
"""Bytes of request line and header fields, besides what one read brings."""

_TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 34\r\n\r\n"
    b"Address or header fields too long\n"
)


class Http(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn speaks it. A longer head is answered with 431 (RFC 6585 §5), and the connection ends."""

    _in_head, _begun, _taken = True, True, 0

    def on_message_begin(self) -> None:
        """A request begins, maybe in the middle of what was read."""
        super().on_message_begin()
        self._in_head, self._begun, self._taken = True, True, 0

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Take what was read."""
        super().data_received(data)
        if not self._in_head:
            return
        if self._begun:  # some of it may belong to the request before
            self._begun = False
            return
        self._taken += len(data)
        if self._taken > LONGEST and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(_TOO_LONG)
            self.transport.close()
