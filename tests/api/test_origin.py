"""Which requests may speak with a browser's cookie? Those of pages of the same host, and no other."""

import pytest

from tests.api.conftest import LOGIN, ME, PASSWORD, World

ORIGINS = ["same", "http://evil.test", "http://acme.localhost:{port}", "http://shop.localhost:1", "null", None]


@pytest.mark.parametrize("origin", ORIGINS)
async def test_a_cookie_counts_from_its_own_pages_only(world: World, origin: str | None) -> None:
    browser = world.client("shop.localhost")
    await browser.login("user@shop.test")
    page = world.client("shop.localhost", origin=origin.format(port=world.port) if origin else None)
    page.jar = dict(browser.jar)
    answer = await page.post(ME)
    if origin == "same":
        assert answer.json()["data"]["me"]["account"]["slug"] == "shop.test"
    else:
        assert answer.status_code == 403
        assert answer.json()["errors"][0]["extensions"]["code"] in {"ORIGIN_FOREIGN", "ORIGIN_MISSING"}
        # The same page changes nothing either: the session is still there.
        assert (await page.post("mutation { logout }")).status_code == 403
        assert (await browser.ask(ME))["me"] is not None


@pytest.mark.parametrize("origin", ORIGINS)
async def test_a_key_counts_from_anywhere_and_cookies_beside_it_do_not(world: World, origin: str | None) -> None:
    browser = world.client("shop.localhost")
    await browser.login("user@shop.test")
    program = world.client("shop.localhost", key="acme.test")
    program.jar = dict(browser.jar)
    if origin:
        program.http.headers["origin"] = world.url("", "shop.localhost") if origin == "same" else origin
    assert (await program.ask(ME))["me"]["account"]["slug"] == "acme.test"


async def test_a_change_needs_the_header_that_forms_cannot_send(world: World) -> None:
    browser = world.client("shop.localhost")
    await browser.login("user@shop.test")
    del browser.http.headers["x-requested-with"]
    answer = await browser.post("mutation { logout }")
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["extensions"]["code"] == "HEADER_MISSING"
    # Reading needs it not, and shows that the session lives.
    assert (await browser.ask(ME))["me"] is not None
    fresh = world.client("shop.localhost")
    del fresh.http.headers["x-requested-with"]
    refused = await fresh.post(LOGIN, email="user@shop.test", password=PASSWORD)
    assert refused.status_code == 403
    assert "set-cookie" not in refused.headers


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", '{"query": "mutation { logout }"}'),
        ("application/x-www-form-urlencoded", "query=mutation+%7B+logout+%7D"),
        ("multipart/form-data; boundary=x", '--x\r\ncontent-disposition: form-data; name="query"\r\n\r\n{me}\r\n--x--'),
        ("application/graphql", "mutation { logout }"),
        ("", '{"query": "mutation { logout }"}'),
    ],
)
async def test_only_json_is_read(world: World, content_type: str, body: str) -> None:
    browser = world.client("shop.localhost")
    await browser.login("user@shop.test")
    answer = await browser.http.post(
        "/graphql", content=body, headers={"content-type": content_type, **browser._cookies()}
    )
    assert answer.status_code == 415
    assert (await browser.ask(ME))["me"] is not None


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_only_post_is_answered(world: World, method: str) -> None:
    browser = world.client("shop.localhost")
    await browser.login("user@shop.test")
    answer = await browser.http.request(
        method, "/graphql?query=mutation%20%7Blogout%7D", headers=browser._cookies(), follow_redirects=False
    )
    assert answer.status_code in ({204, 405} if method == "OPTIONS" else {405})
    assert "access-control-allow-origin" not in answer.headers
    assert b"unpkg" not in answer.content
    assert (await browser.ask(ME))["me"] is not None


async def test_forwarded_headers_of_strangers_are_not_believed(world: World) -> None:
    """Ten wrong passwords from one peer are ten, however many addresses it makes up."""
    browser = world.client("shop.localhost")
    codes = []
    for number in range(12):
        browser.http.headers.update(
            {
                "x-forwarded-for": f"203.0.113.{number}",
                "forwarded": f"for=203.0.113.{number};host=evil.test",
                "x-real-ip": f"203.0.113.{number}",
                "x-forwarded-host": "evil.test",
            }
        )
        codes.append((await browser.login("user@shop.test", "wrong password"))["code"])
    assert codes == ["UNAUTHENTICATED"] * 10 + ["THROTTLED"] * 2


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),  # the first one the client made up
        ("203.0.113.7, 127.0.0.9", "203.0.113.7"),  # two proxies of ours
        ("2001:db8::7", "2001:db8::7"),
    ],
)
async def test_behind_a_trusted_proxy_the_client_is_the_client(
    world_proxied: World, forwarded: str, expected: str
) -> None:
    browser = world_proxied.client("shop.localhost")
    browser.http.headers["x-forwarded-for"] = forwarded
    assert (await browser.login("user@shop.test"))["__typename"] == "SignedIn"
    async with world_proxied.db.connection() as conn:
        assert await conn.fetchval("select ip from session") == expected


async def test_a_proxy_that_names_no_address_is_told_to(world_proxied: World) -> None:
    browser = world_proxied.client("shop.localhost")
    browser.http.headers["x-forwarded-for"] = "unknown"
    answer = await browser.post("{ me { account { name } } }")
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["message"], error["extensions"]["code"]) == (
        400,
        "It cannot be told which address you come from.",
        "INVALID",
    )
    browser.http.headers["x-forwarded-for"] = "203.0.113.7"
    assert (await browser.post("{ me { account { name } } }")).status_code == 200
