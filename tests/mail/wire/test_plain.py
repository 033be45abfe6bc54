"""Are links found in plain text as people write them, and does HTML say in text what it says?"""

import time

import pytest

from mail.wire import plain
from mail.wire.sanitise import sanitise


def links(text: str) -> list[str]:
    raw = text.encode()
    return [raw[start:end].decode() for start, end in plain.scan(raw).links]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://shop.test/a.", ["https://shop.test/a"]),
        ("(see https://shop.test/a_(b)).", ["https://shop.test/a_(b)"]),
        ("https://shop.test/a?b=c!, https://shop.test/;", ["https://shop.test/a?b=c", "https://shop.test/"]),
        ("<https://shop.test/a.>", ["https://shop.test/a."]),
        ('"https://shop.test/a"', ["https://shop.test/a"]),
        ("*https://shop.test/a* _https://shop.test/b_", ["https://shop.test/a", "https://shop.test/b"]),
        ("[1]: https://shop.test/[x]", ["https://shop.test/[x]"]),
        ("[x](https://shop.test/a)", ["https://shop.test/a"]),
        ("> HTTPS://SHOP.TEST/A", ["HTTPS://SHOP.TEST/A"]),
        ("こちらhttps://shop.test/a。次", ["https://shop.test/a。次"]),
        ("「https://shop.test/a」。", ["https://shop.test/a"]),
        ("ftp://shop.test www.shop.test mailto:a@shop.test xhttps://shop.test", []),
    ],
)
def test_links_in_text(text: str, expected: list[str]) -> None:
    assert links(text) == expected


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("<% unsubscribe %> <%unsubscribe 4%>", [None, 4]), ("<% unsubscribe\r\n%> <% unsubscribed %> <% body %>", [])],
)
def test_tags_in_text(text: str, numbers: list[int | None]) -> None:
    assert [tag.number for tag in plain.scan(text.encode()).tags] == numbers


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("", ""),
        ("  <p> </p>", ""),
        ("a  b\r\n c", "a b c\n"),
        ("<h1>A &amp; B</h1><p>c<br>d<br><br>e</p><p>f", "A & B\n\nc\nd\n\ne\n\nf\n"),
        ("<ul><li>a<li>b <b>c</b></ul>d", "- a\n- b c\n\nd\n"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n"),
        ('<a href="https://shop.test/?a=1&amp;b=2">shop</a>!', "shop <https://shop.test/?a=1&b=2>!\n"),
        ('<a href="https://shop.test">shop.test</a>', "shop.test\n"),
        (
            '<a href="mailto:a@shop.test">a@shop.test</a> <a href="#x">top</a> <a href="javascript:x">y</a>',
            "a@shop.test top y\n",
        ),
        ('<a href="https://shop.test"><img src=x alt="Our logo"></a>', "Our logo <https://shop.test>\n"),
        ('<a href="https://shop.test"><img src=x></a>', "<https://shop.test>\n"),
        ("<head><title>t</title><style>p{}</style></head><script>x</script><!-- y -->z", "z\n"),
        ("<pre>a\n  b</pre>c", "a\n  b\n\nc\n"),
        ("a<hr>b", "a\n\n" + "-" * 40 + "\n\nb\n"),
        ("a&nbsp;&nbsp;b &#8364; &#x20AC; &euro;", "a b € € €\n"),
        (
            "&lt;% body %&gt;<p><% body %></p>&lt;% unsubscribe 3 %&gt;",
            "<% body %>\n\n<% body %>\n\n<% unsubscribe 3 %>\n",
        ),
        # What takes its place is paragraphs: no word of the message may stick to one of the template.
        ("<section>THREE<% body %></section>", "THREE\n\n<% body %>\n"),
        ('<a href="https://shop.test/">Shop</a><% body %>bye', "Shop <https://shop.test/>\n\n<% body %>\n\nbye\n"),
        (
            '<b>a</b>&lt;%body%&gt;<a href="https://shop.test/"><b>b</b></a>',
            "a\n\n<%body%>\n\nb <https://shop.test/>\n",
        ),
        ("<table><caption>a</caption><tr><td>b</td></tr></table>", "a\nb\n"),
        ("a <!-- never closed b", "a\n"),
        ("&#38;lt; &ampx &notit; &nosuch; &", "&lt; &x ¬it; &nosuch; &\n"),
        ("&#" + "9" * 5000 + ";x", "\ufffdx\n"),
    ],
)
def test_html_in_text(markup: str, text: str) -> None:
    assert plain.to_text(markup) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<details><summary>Terms</summary>No returns</details>", "Terms\nNo returns\n"),
        ("<fieldset><legend>Note</legend>Closed</fieldset>", "Note\nClosed\n"),
        ("<button>Buy</button><button>Sell</button>", "Buy Sell\n"),
        ("a<input>b<select><option>x</select>c<svg></svg>d<video>e</video>f", "a b c d f\n"),
        ('<img alt="Logo"><img alt="Shop">', "Logo Shop\n"),
        ('We<img alt="love">you (<img alt="x">), <img alt="y">.', "We love you (x), y.\n"),
        ("a<img src=x>b", "a b\n"),
        ('<a href="https://x.test/1"><img alt="F"></a><a href="https://x.test/2"><img alt="X"></a>',
         "F <https://x.test/1> X <https://x.test/2>\n"),
        ('<a href="https://x.test/1">a</a>b', "a <https://x.test/1> b\n"),
        ('<a href="https://x.test/1">a</a>, (<a href="https://x.test/2">b</a>) “<a href="https://x.test/3">c</a>”',
         "a <https://x.test/1>, (b <https://x.test/2>) “c <https://x.test/3>”\n"),
        ('<a href="https://x.test/1">a</a>(b)', "a <https://x.test/1> (b)\n"),
        ('<a href="https://x.test/1">a</a>&lt;% unsubscribe %&gt;', "a <https://x.test/1> <% unsubscribe %>\n"),
        ('<a href="https://x.test">x.test</a>now', "x.test now\n"),
        # Where there is nothing in between, a word is one word.
        ("w<b>o</b>r<span>d</span> wo<wbr>rd", "word word\n"),
    ],
)  # fmt: skip
def test_no_two_words_are_glued(markup: str, text: str) -> None:
    assert plain.to_text(markup) == text
    assert plain.to_text(sanitise(markup)).replace("d e f", "d f") == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<ol><li>First<li>Second</ol>third", "1. First\n2. Second\n\nthird\n"),
        ("<ol start=9><li>a</li><li>b</li></ol><ol><li>c</li></ol>", "9. a\n10. b\n\n1. c\n"),
        ("<ol start=' -1x'><li>a<li value=7>b<li>c</ol>", "-1. a\n7. b\n8. c\n"),
        ("<ol start=x><li>a</ol><ol start=99999999999><li>b</ol>", "1. a\n\n1. b\n"),
        ("<ol><li>a<ol><li>b<li>c</ol><li>d<ul><li>e</ul>f</ol>", "1. a\n   1. b\n   2. c\n2. d\n   - e\n   f\n"),
        ("<ul><li>a<ul><li>b<ol><li>c</ol></ul></ul>", "- a\n  - b\n    1. c\n"),
        ("<ol><li><p>a</p><p>b</p></li><li><p>c</p></li></ol>", "1. a\n\n   b\n\n2. c\n"),
        ("<ol><li>a<br>b</ol>", "1. a\n   b\n"),
        ("<ol><li><ol><li>a</ol></ol>", "1.\n   1. a\n"),
        ("<ol><li></li><li>a</ol>b", "2. a\n\nb\n"),
        ("<li>a<li>b", "- a\n- b\n"),
        ("<ul><ul><li>a</ul></ul>b", "- a\n\nb\n"),
        ('<ol><li><a href="https://shop.test">shop.test</a></ol>', "1. shop.test\n"),
        ("<ol><li>a<div>b</div><% body %>c</ol>", "1. a\n   b\n\n<% body %>\n\n   c\n"),
        ("<ol><table><tr><td>a</table></ol>b", "a\n\nb\n"),
    ],
)
def test_lists_are_numbered_and_stand_within_one_another(markup: str, text: str) -> None:
    assert plain.to_text(markup) == text
    assert plain.to_text(sanitise(markup)) == text


HIDDEN = [
    'style="display:none"', 'style="color:red; DISPLAY : None !important;"', "style='display:block;display:none'",
    'style="display:none!important;display:block"', 'style="max-height:0;overflow:hidden"',
    'style="overflow: hidden; max-height: 0px !important"', 'style="visibility:hidden"', "hidden", 'hidden=""', "HIDDEN=x",
    'hidden style="color:red"', 'style="mso-hide:all;display:none"', 'style="mso-hide:all;max-height:0"',
    'style="mso-hide: all; opacity: 0"',
]  # fmt: skip
SHOWN = [
    'style="display:block"', 'style="display:none;display:block"', 'style="display:none;display:block!important"',
    'style="max-height:0"', 'style="overflow:hidden"', 'style="max-height:10px;overflow:hidden"',
    'style="max-height:0.5em;overflow:hidden"', 'style="max-height:0;overflow:hidden;max-height:none"',
    'style="visibility:visible"', 'style="float:none;text-decoration:none;border:hidden"', 'title="display:none"',
    'class="hidden"', 'title="a hidden x"', 'aria-hidden="true"', 'hidden style="display:block"', 'style="overflow:none"',
    # Outlook alone leaves it out: the button of everybody else, who has no other.
    'style="mso-hide:all"',
]  # fmt: skip


@pytest.mark.parametrize("attribute", HIDDEN)
@pytest.mark.parametrize("name", ["div", "span", "p", "b"])
def test_what_is_hidden_is_not_said(attribute: str, name: str) -> None:
    inside = "pre <a href=https://x.test>x</a><br><img alt=y><i>header</i>"
    for markup in (
        f"<{name} {attribute}>{inside}</{name}><p>a</p>",
        f"<div {attribute}><{name}>x</{name}>{inside}</div><p>a</p>",
        f"<b {attribute}><b>x</b>{inside}</b><p>a</p>",
        f"<table><tr><td {attribute}>{inside}<td>a</table>",
        f"<table><tr><td><{name} {attribute}>{inside}</td></tr></table>a",
        f"<p {attribute}>{inside}<p>a",
        f"<ul><li {attribute}>{inside}</ul>a",
        f"<img alt=x {attribute}>a",
        f"<a href=https://x.test {attribute}>x</a>a",
    ):
        assert plain.to_text(markup) == "a\n", markup
        assert plain.to_text(sanitise(markup)) == "a\n", markup


@pytest.mark.parametrize("attribute", SHOWN)
@pytest.mark.parametrize("name", ["div", "span", "p", "b"])
def test_what_is_shown_is_said(attribute: str, name: str) -> None:
    markup = f"<{name} {attribute}>read <img alt=me> <a href='https://x.test/'>x</a></{name}>"
    assert plain.to_text(markup) == "read me x <https://x.test/>\n"
    assert plain.to_text(sanitise(markup)) == "read me x <https://x.test/>\n"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("a<div style='display:none'><div><div>x</div></div>x</div>b", "a b\n"),
        ("<div style='display:none'><p>x</div>a", "a\n"),
        ("<div style='display:none'><br><img><hr><input>x</div>a", "a\n"),
        ("a</div></div><div hidden>x</div></div>b", "a\nb\n"),
        ("<p>a</p><div hidden><p>x</p></div><p>b</p>", "a\n\nb\n"),
        ("<div>a</div><p hidden>x</p><div>b</div>", "a\nb\n"),
        ("<div style='visibility:hidden'>x<b style='visibility:visible'>a <i>b</i></b>x</div>c", "a b c\n"),
        ("<div hidden>x<b style='visibility:visible;display:block'>x</b></div>a", "a\n"),
        ("<ol><li>a<li hidden>x<li>b</ol>", "1. a\n2. b\n"),
        ("<pre hidden>x</pre>a  b", "a b\n"),
        ("<div hidden><pre>x</div>a  b", "a b\n"),
        ("<a href=https://x.test><span hidden>x</span>a</a>b", "a <https://x.test> b\n"),
        ("a<div hidden><% body %></div>", "a\n"),
        ("a<div hidden>x", "a\n"),
    ],
)
def test_what_is_hidden_ends_where_it_ends(markup: str, text: str) -> None:
    assert plain.to_text(markup) == text


@pytest.mark.parametrize(
    "piece",
    ["<a href=x>", "<a href=x>y", "<br>", "<p>", "<pre>", "&#9", "<ul><li>", "<img alt=x>", "<a ", "<!--", " ", "<% body",
     "<% body %>", "https://", "https://x.)", ")", "https://x.test/" + ")" * 1000, "<https://", "<% ", "。",
     "<ol><li>", "<ol><li>x", "<ul><li>x<br>y", "<li>", "<ol start=99>", "<div hidden>", "<div hidden>x</div>", "<p hidden>",
     "<div style='display:none;", "<b style='visibility:hidden'>x<b style='visibility:visible'>y", "</div>", "<div></p>",
     "<b style=display:none;a:b;>", "<button>", "<img>", "<td hidden>x", "<li hidden>x"],
)  # fmt: skip
def test_hostile_input_takes_linear_time(piece: str) -> None:
    text = piece * (500_000 // len(piece))
    started = time.process_time()
    plain.to_text(text)
    plain.scan(text.encode())
    assert time.process_time() - started < 2
