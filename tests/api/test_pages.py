"""How does the dashboard reach a browser? Branded by host, compressed, cached as long as is right, and never for strangers."""

import asyncio
import gzip
import json
import os
import re
from pathlib import Path

import brotli
import httpx
import pytest

from tests.api.conftest import World, until

PAGE = """<!doctype html><html><head><title></title>
<script type="application/json" id="branding">{}</script></head><body><div id="app"></div></body></html>"""
SCRIPT = "console.log('hello');\n" * 200


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A built dashboard."""
    root = tmp_path / "dist"
    (root / "assets").mkdir(parents=True)
    (root / "assets" / "index-abc123.js").write_text(SCRIPT)
    (root / "assets" / "style-def456.css").write_text("body{color:red}" * 100)
    (root / "assets" / "style-def456.css.br").write_bytes(brotli.compress(b"made by the build"))
    (root / "assets" / "logo-123.png").write_bytes(b"\x89PNG" + os.urandom(2000))
    (root / "favicon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (root / ".secret").write_text("hidden")
    (tmp_path / "outside.txt").write_text("outside")
    (root / "index.html").write_text(PAGE)
    return root


async def get(world: World, path: str, host: str = "shop.localhost", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient() as http:
        return await http.get(
            world.url(path, "127.0.0.1"),
            headers={"host": f"{host}:{world.port}", "accept-encoding": "identity", **headers},
        )


def branding(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="branding">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, object] = json.loads(found[1])
    return data


@pytest.mark.parametrize(
    ("host", "name", "platform"),
    [
        ("127.0.0.1", "Livery", True),
        ("localhost", "Livery", True),
        ("acme.localhost", "Acme Mail", False),
        ("ACME.localhost.", "Acme Mail", False),
        ("shop.localhost", "Acme Mail", False),
        ("rival.localhost", "Rival Post", False),
    ],
)
async def test_a_host_shows_its_brand(world: World, dist: Path, host: str, name: str, platform: bool) -> None:
    answer = await get(world, "/", host)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert f"<title>{name}</title>" in answer.text
    assert branding(answer.text)["name"] == name
    assert branding(answer.text)["platform"] is platform
    assert ("Livery" in answer.text + str(answer.headers)) is platform


async def test_a_brand_cannot_break_out_of_the_page(world: World, dist: Path) -> None:
    nasty = '</script><script>alert(1)</script><!-- & "\u2028'
    async with world.db.connection() as conn:
        await conn.execute("update account set brand_name = $1 where slug = 'acme.test'", nasty)
    await world.platform.brands.refresh()
    page = (await get(world, "/")).text
    assert branding(page)["name"] == nasty
    assert page.count("<script") == 1
    assert page.count("</script>") == 1
    assert "<!--" not in page
    assert "<title>&lt;/script&gt;" in page


@pytest.mark.parametrize("path", ["/", "/emails", "/emails/123?x=1", "/assets", "/index.html", "/settings/smtp.html"])
async def test_every_page_of_the_dashboard_is_the_one_page(world: World, dist: Path, path: str) -> None:
    answer = await get(world, path)
    assert answer.status_code == 200
    assert '<div id="app">' in answer.text


@pytest.mark.parametrize(
    "path",
    ["/assets/gone-000.js", "/v1/nothing", "/t/x", "/health/x", "/tls/ask", "/.well-known/x", "/metrics"],
)
async def test_what_is_no_page_is_not_found(world: World, dist: Path, path: str) -> None:
    answer = await get(world, path)
    assert answer.status_code == 404
    assert answer.text == "Not found.\n"


@pytest.mark.parametrize(
    "path",
    ["/../outside.txt", "/%2e%2e/outside.txt", "/assets/../../outside.txt", "/assets/%2e%2e%2f%2e%2e%2foutside.txt",
     "//outside.txt", "/.secret", "/assets/..%5c..%5coutside.txt"],
)  # fmt: skip
async def test_no_path_leads_out_of_the_folder(world: World, dist: Path, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n".encode())
    said = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert b"outside" not in said.split(b"\r\n\r\n", 1)[1]
    assert b"hidden" not in said


async def test_hashed_files_are_kept_for_a_year_and_compressed(world: World, dist: Path) -> None:
    plain = await get(world, "/assets/index-abc123.js")
    assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert plain.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "accept-encoding" in plain.headers["vary"]
    assert "content-encoding" not in plain.headers
    assert plain.text == SCRIPT
    async with httpx.AsyncClient() as http:
        for accepted, encoding, decode in [
            ("gzip, deflate, br", "br", brotli.decompress),
            ("gzip", "gzip", gzip.decompress),
            ("br;q=0, gzip;q=0.5", "gzip", gzip.decompress),
        ]:
            async with http.stream(
                "GET", world.url("/assets/index-abc123.js"), headers={"accept-encoding": accepted}
            ) as answer:
                raw = b"".join([part async for part in answer.aiter_raw()])
            assert answer.headers["content-encoding"] == encoding
            assert int(answer.headers["content-length"]) == len(raw) < len(SCRIPT) / 4
            assert decode(raw) == SCRIPT.encode()


async def test_what_the_build_compressed_is_used(world: World, dist: Path) -> None:
    answer = await get(world, "/assets/style-def456.css", **{"accept-encoding": "br"})
    assert answer.headers["content-encoding"] == "br"
    assert answer.text == "made by the build"
    assert (await get(world, "/assets/style-def456.css")).text.startswith("body{")


async def test_pictures_are_not_compressed_again(world: World, dist: Path) -> None:
    answer = await get(world, "/assets/logo-123.png", **{"accept-encoding": "gzip, br"})
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-type"] == "image/png"


async def test_other_files_are_asked_for_again_and_answered_briefly(world: World, dist: Path) -> None:
    first = await get(world, "/favicon.svg")
    assert first.headers["cache-control"] == "no-cache"
    again = await get(world, "/favicon.svg", **{"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    other = await get(world, "/favicon.svg", **{"if-none-match": '"other"'})
    assert other.status_code == 200


async def test_head_says_what_get_would(world: World, dist: Path) -> None:
    async with httpx.AsyncClient() as http:
        headers = {"accept-encoding": "identity"}
        got = await http.get(world.url("/assets/index-abc123.js"), headers=headers)
        head = await http.head(world.url("/assets/index-abc123.js"), headers=headers)
    assert head.content == b""
    assert head.headers["content-length"] == got.headers["content-length"]
    assert head.headers["etag"] == got.headers["etag"]


async def test_a_new_build_is_served_without_a_restart(world: World, dist: Path) -> None:
    assert (await get(world, "/")).status_code == 200
    (dist / "assets" / "new-789.js").write_text("new")
    (dist / "index.html").write_text(PAGE.replace('id="app"', 'id="renewed"'))
    os.utime(dist / "index.html", (1, 1))
    assert 'id="renewed"' in (await get(world, "/")).text
    assert (await get(world, "/assets/new-789.js")).text == "new"


async def test_without_a_build_one_page_says_what_to_do(world: World) -> None:
    answer = await get(world, "/")
    assert answer.status_code == 503
    assert "npm run build" in answer.text
    assert "Livery" not in answer.text


async def test_every_answer_keeps_browsers_strict(world: World, dist: Path) -> None:
    answers = [
        await get(world, "/"),
        await get(world, "/assets/index-abc123.js"),
        await get(world, "/v1/nothing"),
        await get(world, "/graphql"),
        await get(world, "/health/live"),
        await get(world, "/", "stranger.example"),
        await world.client("shop.localhost").post("{ me { __typename } }"),
    ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:" in policy
        assert "frame-ancestors 'none'" in policy
        assert "object-src 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "server" not in answer.headers
        assert "host" in answer.headers["vary"]
        assert "livery" not in str(answer.headers).lower()


@pytest.mark.parametrize(
    "host",
    ["stranger.example", "acme.localhost.evil.test", "xacme.localhost", "", "acme.localhost@evil.test", "[::1",
     "acme.localhost/x", "acme.localhost:port", "acme_localhost", "аcme.localhost"],
)  # fmt: skip
async def test_a_strangers_host_gets_nothing(world: World, dist: Path, host: str) -> None:
    for method, path in [("GET", "/"), ("GET", "/assets/index-abc123.js"), ("POST", "/graphql")]:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: acme.localhost\r\n"
            "Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )
        said = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert said.split(b" ", 2)[1] in {b"404", b"400"}
        for word in (b"livery", b"acme", b"rival", b"graphql"):
            assert word not in said.lower().replace(b"acme.localhost", b"")


@pytest.mark.parametrize("head", ["Host: shop.localhost\r\nHost: acme.localhost\r\n", ""])
async def test_not_exactly_one_host_header_is_nobodys(world: World, dist: Path, head: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    version = "1.1" if head else "1.0"
    writer.write(f"GET / HTTP/{version}\r\n{head}Connection: close\r\n\r\n".encode())
    said = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert said.split(b" ", 2)[1] in {b"404", b"400"}
    assert b"Acme" not in said


async def test_a_host_that_is_taken_away_is_gone_in_seconds(world: World, dist: Path) -> None:
    assert (await get(world, "/", "rival.localhost")).status_code == 200
    async with world.db.connection() as conn:
        await conn.execute("delete from account_host where host = 'rival.localhost'")
        await conn.execute(
            "insert into account_host (host, account_id) values ('new.localhost', $1)", world.accounts["acme.test"]
        )

    async def gone() -> bool:
        return (await get(world, "/", "rival.localhost")).status_code == 404

    await until(gone)
    assert branding((await get(world, "/", "new.localhost")).text)["name"] == "Acme Mail"
