"""How does the built dashboard reach a browser? From memory, compressed, branded by host, cached as long as is right.

    /assets/…         named by content hash: immutable for a year
    /                 index.html with the host's brand written into it: never stored
    any other file    revalidated by ETag
    any other path    index.html again: the router in the page knows its pages

The compressed siblings (`.br`, `.gz`) that the build leaves beside a file are used; where they are missing, the file is
compressed here, once. Only what was found in the folder at the last look is served, so no path leads out of it.
"""

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import brotli
import msgspec

_COMPRESSED = {".html", ".js", ".mjs", ".css", ".json", ".svg", ".txt", ".map", ".webmanifest", ".xml"}
_SMALL = 512  # bytes below which compression costs more than it saves
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".webmanifest": "application/manifest+json"}

CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Styles need 'unsafe-inline': the component library sets style attributes and elements."""

_MISSING = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Dashboard not built</title>
<body style="font-family:system-ui;max-width:40rem;margin:4rem auto;padding:0 1rem">
<h1>The dashboard is not built</h1>
<p>SMTP and the API at <code>/graphql</code> work. For the dashboard install Node 20 or newer and start again with
<code>make run</code>, or build it by hand: <code>cd web-vue &amp;&amp; npm ci &amp;&amp; npm run build</code>.</p>
"""


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer. Texts are UTF-8; the server adds that to their content type."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class _File:
    media_type: str
    etag: str
    plain: bytes
    br: bytes | None
    gz: bytes | None

    def encoded(self, accepted: str) -> tuple[bytes, str | None]:
        """The smallest form a client with this Accept-Encoding takes, and its name."""
        offers = {part.split(";")[0].strip() for part in accepted.lower().split(",") if not _refused(part)}
        if self.br is not None and "br" in offers:
            return self.br, "br"
        if self.gz is not None and "gzip" in offers:
            return self.gz, "gzip"
        return self.plain, None


def _refused(offer: str) -> bool:
    return bool(re.search(r";\s*q=0(\.0*)?\s*$", offer))


@dataclass
class Dashboard:
    """The files under `root`, read at the first request and again when the build has been renewed."""

    root: Path
    _files: dict[str, _File] = field(default_factory=dict)
    _built: float = -1.0

    def answer(self, path: str, *, accepted: str, etag: str | None, brand: dict[str, Any]) -> Answer:
        """What to say to GET `path`. `brand` is written into the page; its "name" becomes the title."""
        self.renew()
        if "/index.html" not in self._files:
            return Answer(503, {"content-type": "text/html", "cache-control": "no-store"}, _MISSING)
        name = path if path.startswith("/") else f"/{path}"
        if name in {"/", "/index.html"} or (name not in self._files and not name.startswith("/assets/")):
            return self._page(brand, accepted)
        file = self._files.get(name)
        if file is None:
            return Answer(404, {"content-type": "text/plain", "cache-control": "no-store"}, b"Not found.\n")
        headers = {
            "content-type": file.media_type,
            "etag": file.etag,
            "vary": "accept-encoding",
            "cache-control": "public, max-age=31536000, immutable" if name.startswith("/assets/") else "no-cache",
        }
        if etag is not None and file.etag in {tag.strip().removeprefix("W/") for tag in etag.split(",")}:
            return Answer(304, headers, b"")
        body, encoding = file.encoded(accepted)
        if encoding:
            headers["content-encoding"] = encoding
        return Answer(200, headers, body)

    def _page(self, brand: dict[str, Any], accepted: str) -> Answer:
        page = branded(self._files["/index.html"].plain.decode(), brand).encode()
        headers = {"content-type": "text/html", "cache-control": "no-store", "vary": "accept-encoding"}
        if "gzip" in accepted.lower() and len(page) > _SMALL:
            # One small page for each visit: the fastest level is worth more than the last byte.
            page = gzip.compress(page, 1, mtime=0)
            headers["content-encoding"] = "gzip"
        return Answer(200, headers, page)

    def renew(self) -> None:
        """Read the files, if the build is another than at the last look."""
        try:
            built = (self.root / "index.html").stat().st_mtime
        except OSError:
            self._files, self._built = {}, -1.0
            return
        if built != self._built:
            self._files, self._built = dict(_read(self.root)), built


def branded(page: str, brand: dict[str, Any]) -> str:
    """`page` with the brand in its title and in its JSON block, safe against `</script>` and `<!--` in any value."""
    data = msgspec.json.encode(brand).decode()
    # Only "<" can end a script element or open a comment in it (HTML §4.12.1.3); > and & for good measure.
    data = data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    page = re.sub(
        r'(<script type="application/json" id="branding">).*?(</script>)',
        lambda m: m[1] + data + m[2],
        page,
        count=1,
        flags=re.S,
    )
    return re.sub(
        r"<title>.*?</title>", lambda _: f"<title>{escape(str(brand['name']))}</title>", page, count=1, flags=re.S
    )


def _read(root: Path) -> "list[tuple[str, _File]]":
    found = []
    for path in sorted(root.rglob("*")):
        if (
            not path.is_file()
            or path.suffix in {".br", ".gz"}
            or any(part.startswith(".") for part in path.parts[len(root.parts) :])
        ):
            continue
        plain = path.read_bytes()
        media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        worth = path.suffix in _COMPRESSED and len(plain) > _SMALL
        file = _File(
            media_type,
            f'"{hashlib.sha256(plain).hexdigest()[:32]}"',
            plain,
            _sibling(path, ".br") or (brotli.compress(plain, quality=5) if worth else None),
            _sibling(path, ".gz") or (gzip.compress(plain, 6, mtime=0) if worth else None),
        )
        found.append((f"/{path.relative_to(root).as_posix()}", file))
    return found


def _sibling(path: Path, suffix: str) -> bytes | None:
    twin = path.with_name(path.name + suffix)
    # An older twin belongs to an earlier build.
    if twin.is_file() and twin.stat().st_mtime >= path.stat().st_mtime - 1:
        return twin.read_bytes()
    return None
