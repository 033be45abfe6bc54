"""Are links found in plain text as people write them, and does HTML say in text what it says?"""

import time

import pytest

from mail.wire import plain


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
    "piece",
    ["<a href=x>", "<a href=x>y", "<br>", "<p>", "<pre>", "&#9", "<ul><li>", "<img alt=x>", "<a ", "<!--", " ", "<% body",
     "<% body %>", "https://", "https://x.)", ")", "https://x.test/" + ")" * 1000, "<https://", "<% ", "。"],
)  # fmt: skip
def test_hostile_input_takes_linear_time(piece: str) -> None:
    text = piece * (500_000 // len(piece))
    started = time.process_time()
    plain.to_text(text)
    plain.scan(text.encode())
    assert time.process_time() - started < 2
