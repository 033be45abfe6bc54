"""Does a browser see the same document, but for links that lead through us, a footer in sight and a pixel? Asked of Chromium.

Every document is parsed by the browser before and after. The addresses that it sees in <a> and <area> must be those that were
asked about, in order; with them put back, its trees must be equal.
"""

import itertools
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from mail.wire import html
from mail.wire.additions import Additions, Piece, add
from tests.e2e.browser import chromium
from tests.fuzz.engine import mutated
from tests.fuzz.targets import TARGETS
from tests.mail.wire.test_fidelity import URLS, Links

DEEP = "its HTML is nested too deep"

# Links as a browser sees them, and the tree without them; the footer and the pixel are taken out and looked for by themselves.
LOOK = """texts => texts.map(text => {
  const page = new DOMParser().parseFromString(text, 'text/html');
  const links = [];
  for (const link of page.querySelectorAll('a[href], area[href]')) {
    if (link.namespaceURI === 'http://www.w3.org/1999/xhtml') {
      links.push(link.getAttribute('href'));
      link.setAttribute('href', '');
    }
  }
  const footers = [...page.querySelectorAll('#lv-footer')];
  const pixels = [...page.querySelectorAll('img[src="https://click.test/p.gif"]')];
  const parents = [...footers, ...pixels].map(one => one.parentElement.localName);
  const around = [];
  for (const one of footers) for (let up = one.parentElement; up; up = up.parentElement) around.push(up.localName);
  for (const one of [...footers, ...pixels]) one.remove();
  page.normalize();
  return {links, parents, around, tree: page.documentElement.outerHTML};
})"""

# What must not be around a footer: it would be a link, in a column, or not to be seen.
HIDING = {
    "a",
    "table",
    "td",
    "button",
    "select",
    "textarea",
    "title",
    "style",
    "script",
    "iframe",
    "noembed",
    "noframes",
    "xmp",
}

STATES = [
    "",
    "words",
    "<p>words",
    "<p>a<p>b</p>",
    "<html><body>x</body></html>",
    "<body>x",
    "x</body>y</html>z",
    "<body>a</body><body>b</body>",
    "<!DOCTYPE html><html><head><title>t</title></head><body><table><tr><td>x</body></html>",
    "<table><tr><td><div><a href='https://x.test/'>x",
    "<div><table><tr><td><table><tr><td>x</table>y",
    "<b><i><u>x",
    "<ul><li>a<li>b",
    "<body><center><font color=red>x</body>",
    "<blockquote><pre>x",
    "<h1>x",
    "<p><a href=https://x.test/a>x<a href=https://x.test/b>y",
    "<body>x<!-- </body> --></body><!-- end -->",
    "<body>x<!-- never closed </body>",
    "<style>p{}</style><p>x",
    "x<style>never closed",
    "<p>x<a href='https://x.test/",
    "<p>x<textarea></body></textarea>y</body>",
    "<script>'</body>'</script>x</body>",
    "<!--[if mso]><table><tr><td><![endif]--><div>x</div><!--[if mso]></td></tr></table><![endif]-->",
    "<body>&lt;a href=&quot;https://no.test/&quot;&gt; x</body>",
    "<a title='<a href=\"https://no.test/\">' href=https://x.test/>x</a>",
    "<map><area href='https://x.test/'></map>",
    "<a href = 'https://x.test/'/>x</a>",
    "<a\nhref=https://x.test/\n>x</a>",
    "<a href='https://x.test/' href='https://no.test/'>x</a>",
    "<a =href='https://no.test/' href='https://x.test/'>x</a>",
    "<a data-href='https://no.test/' HREF='https://x.test/'>x</a>",
    '<a href="https://x.test/?a=1&amp;b=&#x41;">x</a>',
    "<button>x",
    "<form><label>x",
    "<dl><dt>a<dd>b",
    "<small><sub>x</small>y",
    "<div><p>a</div>b</p>c",
    "<span><div>x</span>y</div>",
]


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """An empty page of a browser that needs no dashboard."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        try:
            yield await browser.new_page()
        finally:
            await browser.close()


def mail(text: str) -> bytes:
    return b"From: a@shop.test\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + text.encode()


def body(content: bytes) -> str:
    return content.partition(b"\r\n\r\n")[2].decode()


async def seen(page: Page, texts: list[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for chunk in itertools.batched(texts, 200):
        found += await page.evaluate(LOOK, list(chunk))
    return found


def web(href: str) -> bool:
    """What is asked about."""
    return bool(re.match(r"https?://[^\x00-\x20\x7f][^\x00-\x1f\x7f]*\Z", href, re.IGNORECASE))


def followed(href: str) -> str:
    """What a browser asks for."""
    return href.strip("\t\n\f\r ").replace("\t", "").replace("\n", "").replace("\r", "")


async def compared(page: Page, texts: list[str], *, settled: bool) -> list[str]:
    """The documents in which a browser sees anything else than it should.

    `settled`: all that they hold is in sight. Where something is never closed, it may come to lie behind the footer.
    """
    links = [Links() for _ in texts]
    footer = Additions(footer=Piece('<div id="lv-footer">Shop Ltd</div>', ""), pixel="https://click.test/p.gif")
    led, under = [], []
    for text, link in zip(texts, links, strict=True):
        added = [add(mail(text), Additions(link=link)), add(mail(text), footer)]
        assert [one.note for one in added] == [None, None], text
        led.append(body(added[0].content))
        under.append(body(added[1].content))
    before, after, beneath = await seen(page, texts), await seen(page, led), await seen(page, under)
    wrong = []
    for text, link, one, other, third in zip(texts, links, before, after, beneath, strict=True):
        # A link that is not closed goes on in the next paragraph, and in the tree it is another one with the same address.
        asked = [url for url, _ in itertools.groupby(map(followed, one["links"])) if web(url)]
        faults = {
            "links": asked != [url for url, _ in itertools.groupby(link.asked)],
            "led": len(one["links"]) != len(other["links"]),
            "tree": one["tree"] != other["tree"],
            "hidden": len(third["parents"]) != 2 or bool(HIDING & set(third["around"])),
            "moved": settled and one["tree"] != third["tree"],
        }
        if any(faults.values()):
            wrong.append(
                f"{[fault for fault, is_so in faults.items() if is_so]} {text!r}\n{asked}\n{link.asked}\n{third}"
            )
    return wrong


async def test_documents_in_every_state_stay_the_same_tree(page: Page) -> None:
    assert await compared(page, [state.replace("\n", "\r\n") for state in STATES], settled=True) == []


async def test_addresses_are_what_a_browser_sees(page: Page) -> None:
    documents = []
    for number, url in enumerate(URLS):
        escaped = html.value(url)
        # As careful people write them, and as most do.
        documents.append(f'<p><a href="{escaped}">x</a></p>')
        if not {'"', "<", ">", " "} & set(url):
            documents.append(f'<p>&copy;<a class=y href="{url}" id=i{number}>x</a></p>')
        if not {'"', "'", "<", ">", " ", "=", "`"} & set(url):
            documents.append(f"<td><A HREF={url}>x</A>")
    assert len(documents) > 700
    assert await compared(page, documents, settled=True) == []


async def test_documents_made_at_random_stay_the_same_tree(page: Page) -> None:
    texts = [raw.decode("utf-8", "ignore") for raw in itertools.islice(mutated(TARGETS["html"], 7), 800)]
    documents = [text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")[:20_000] for text in texts]
    # What is nested too deep goes as it is, which is for tests/mail/wire/test_additions.py to show.
    made = [(text, add(mail(text), Additions(link=Links())).note) for text in documents if "\0" not in text]
    changed = [text for text, note in made if note != DEEP]
    assert len(changed) > 750
    assert {note for _, note in made} <= {None, DEEP}
    assert await compared(page, changed, settled=False) == []
