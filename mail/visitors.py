"""Was that a person? What asked for a pixel or followed a link, told by what it sends and when it comes.

Machines open and click a large part of all mail: security gateways follow every link before the mail is shown, mail
programs fetch every picture beforehand so that nobody learns who reads (Apple), browsers and chats look ahead. Those are
facts, too, and are kept, each with its kind, but only people are counted.

Gmail, Yahoo and their like fetch pictures through a proxy when, and because, somebody opens the mail: that is a person in
front of an unknown program, unless it comes in the first seconds after delivery, when the proxy looks ahead.
"""

import functools
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ua_parser import BasicResolver, Domain, load_lazy_builtins

SOON_CLICK = 2.0
"""Seconds after delivery: nobody has read a mail and chosen a link by then."""
SOON_OPEN = 1.0
SOON_PROXY = 10.0

BURST, BURST_LINKS = 2.0, 3
"""Within so many seconds so many different links of one mail: nobody chooses three of them in two seconds …"""
VOLLEY, VOLLEY_LINKS = 0.3, 2
"""… or two in a third of one."""

_LONGEST = 300  # characters of a user agent that are looked at

# What mail programs, chats and scanners call themselves. Words that no browser or mail program has in its name.
_TOOLS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(words, re.IGNORECASE))
    for kind, words in (
        (
            "scanner",
            r"barracuda|proofpoint|mimecast|forcepoint|websense|messagelabs|symantec|ironport|fireeye|trellix|sophos"
            r"|trendmicro|trend micro|bitdefender|kaspersky|cloudmark|zscaler|safelinks|urlscan|virustotal|cyren"
            r"|vade ?(?:secure|retro)|hornetsecurity|spamexperts|avanan|checkpoint|checkmarkscanner|securebrowse"
            r"|bluecoat|fortinet|fortiguard|ms-?atp|bingpreview|google-safety|googlesafety|netcraft|phish|antivirus",
        ),
        (
            "preview",
            r"facebookexternalhit|facebot|slackbot|slack-imgproxy|twitterbot|linkedinbot|whatsapp|telegrambot|discordbot"
            r"|skypeuripreview|embedly|pinterest|redditbot|vkshare|iframely|mattermost|zoombot|teamsbot|signal-preview"
            r"|viber|line-poker|snap url preview|google-read-aloud|preview",
        ),
        (
            "program",
            r"^(?:curl|wget|libwww|lwp|python|go-http|java|okhttp|apache-httpclient|axios|node|undici|got |ruby|php"
            r"|guzzle\w*|perl|httpie|postman|powershell|restsharp|dart|rust|reqwest|aiohttp|httpx|faraday|mechanize|scrapy)\b"
            r"|python-requests|python-urllib|aiohttp|headlesschrome|phantomjs|puppeteer|playwright|selenium|electron-fetch",
        ),
        ("crawler", r"bot\b|bot/|crawl|spider|slurp|archive\.org|scan(?:ner)?\b|monitor|uptime|pingdom|lighthouse"),
    )
)
_PROXY = re.compile(r"googleimageproxy|yahoomailproxy|ggpht\.com", re.IGNORECASE)
# Gmail's own look ahead, which calls itself by the name of a browser that never was.
_GMAIL_AHEAD = re.compile(r"Chrome/42\.0\.2311\.135 Safari/537\.36 Edge/12\.246 Mozilla/5\.0\Z")
# Apple's Mail Privacy Protection, and nothing else, says this much and no more.
_APPLE_PRIVACY = "Mozilla/5.0"


@dataclass(frozen=True, slots=True)
class Visitor:
    """What is known of who asked."""

    click: bool
    """For a link; else for the pixel."""
    agent: str
    """The User-Agent field; empty where there was none."""
    head: bool = False
    """By HEAD, which shows nobody anything."""
    ahead: bool = False
    """It said itself that it only looks ahead (Sec-Purpose, Purpose, X-Moz, X-Purpose)."""
    since: float | None = None
    """Seconds since its mail was delivered, below zero where that came later; None where it was never known to be."""
    at_once: bool = False
    """It came with others to different links of the same mail."""


@dataclass(frozen=True, slots=True)
class Program:
    """What somebody reads with, as far as it says so."""

    agent: str | None
    """"Chrome", "Apple Mail"."""
    system: str | None
    """"Windows", "iOS"."""
    device: str | None
    """desktop, phone or tablet."""


def machine(visitor: Visitor) -> str | None:
    """Which kind of machine it was; None: a person."""
    agent = _short(visitor.agent)
    if visitor.head:
        return "head"
    if visitor.ahead:
        return "look_ahead"
    if not agent:
        return "nameless"
    if agent == _APPLE_PRIVACY:
        return "scanner" if visitor.click else "privacy_proxy"
    if _GMAIL_AHEAD.search(agent):
        return "mail_proxy"
    early = visitor.since is not None and visitor.since < (SOON_CLICK if visitor.click else SOON_OPEN)
    if _PROXY.search(agent):
        return "mail_proxy" if visitor.since is not None and visitor.since < SOON_PROXY else None
    tool = _tool(agent)
    if tool is not None:
        return tool
    if early:
        return "too_soon"
    return "all_links" if visitor.at_once else None


def at_once(clicks: Iterable[tuple[str, float]], target: str, at: float) -> bool:
    """Whether a click at `at` (seconds) was one of several at once, given the mail's clicks around it: where to, and when.

    `clicks` may hold the click itself.
    """
    near = [(link, abs(then - at)) for link, then in clicks if link != target]
    volley = {link for link, gap in near if gap < VOLLEY}
    burst = {link for link, gap in near if gap < BURST}
    return len(volley) + 1 >= VOLLEY_LINKS or len(burst) + 1 >= BURST_LINKS


def prepare() -> None:
    """Make the patterns, which takes a twentieth of a second once: before a process answers, or somebody waits for it."""
    learn("nobody/0")  # looked for with every pattern


def learn(agent: str) -> None:
    """Have the answers of `machine` and `program` about a user agent ready.

    That is half a millisecond, some for names made up to be slow: whoever judges many lets others go between two.
    """
    _tool(_short(agent))
    program(agent)


@functools.lru_cache(maxsize=4096)
def _tool(agent: str) -> str | None:
    """The kind of those that say themselves that they are no person's."""
    return next((kind for kind, words in _TOOLS if words.search(agent)), None)


@functools.lru_cache(maxsize=4096)
def program(agent: str) -> Program:
    """Browser or mail program, system and device."""
    agent = _short(agent)
    found = _parser()(agent, Domain.USER_AGENT | Domain.OS)
    name = found.user_agent.family if found.user_agent else None
    system = found.os.family if found.os else None
    if _PROXY.search(agent):
        system = None  # the proxy's own
    return Program(_name(_NAMES.get(name or "", name)), _name(system), _device(agent, system))


def _short(agent: str) -> str:
    return agent.strip()[:_LONGEST]


def _name(name: str | None) -> str | None:
    # Some are taken from what the visitor says, as long as that is.
    return name[:60] if name else None


_NAMES = {
    "GmailImageProxy": "Gmail",
    "YahooMailProxy": "Yahoo Mail",
    "Mobile Safari UI/WKWebView": "Apple Mail",  # the view that Apple's own program shows mail in, as do few others
    "Outlook-iOS": "Outlook",
    "Outlook-Android": "Outlook",
    "Windows Live Mail": "Windows Mail",
}


@functools.cache
def _parser() -> BasicResolver:
    agents, systems, _ = load_lazy_builtins()
    return BasicResolver((agents, systems, []))


def _device(agent: str, system: str | None) -> str | None:
    if re.search(r"iPad|Tablet|Silk|Kindle|PlayBook", agent) or (
        "Android" in agent and "Mozilla" in agent and "Mobile" not in agent
    ):
        return "tablet"
    if re.search(r"Mobile|iPhone|iPod|Phone", agent) or system in {"iOS", "Android"}:
        return "phone"
    return "desktop" if system is not None else None


def network(ip: str, *, whole: bool = False) -> str | None:
    """What is kept of an address: its network (/24, of IPv6 /48), or with `whole` all of it. None for what is none."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if whole:
        return str(address)
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))
