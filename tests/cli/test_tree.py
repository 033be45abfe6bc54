"""Can an operator keep accounts and sources by typing, and is what cannot be told in one line, with nothing done?"""

from tests.cli.machine import Machine
from tests.support.postgres import Postgres


def on(machine: Machine, url: str) -> Machine:
    """Let commands use a server that runs already."""
    machine.environ |= {
        "LIVERY_DATABASE_URL": url,
        "LIVERY_SECRET_KEY": "5e" * 32,
        "LIVERY_ROUTE": "smtp://127.0.0.1:9",
    }
    return machine


def test_accounts_are_made_stopped_and_set_going(machine: Machine, world_url: str) -> None:
    on(machine, world_url)
    made = "{0} is there. It sends once it has a credential: livery credential create --account {0}\n"
    bazaar = ("account", "create", "Bazaar", "--parent", "acme.test", "--credits", "50")
    assert machine.livery(*bazaar) == (0, made.format("bazaar"))
    assert machine.livery("account", "create", "Ad Agency", "--slug", "ads", "--reseller") == (0, made.format("ads"))
    assert machine.livery("account", "create", "Below", "--parent", "ads") == (0, made.format("below"))

    for words, refusal in (
        (("X", "--parent", "nobody"), "There is no account nobody. livery account list names them all."),
        (("X", "--slug", "shop.test"), "The short name shop.test is taken."),
        (("X", "--slug", "No Name"), "An account's short name has lower-case letters, digits, dots and dashes."),
        (
            ("X", "--parent", "shop.test"),
            "Shop.Test may not have sub-accounts. Whoever runs that account can allow it.",
        ),
        (("X", "--credits", "-1"), "Credits are whole numbers above zero and below 2^53."),
    ):
        assert machine.livery("account", "create", *words) == (1, f"livery: {refusal}\n")

    stopped = "bazaar is suspended: nothing of it is taken or sent until it is resumed.\n"
    assert machine.livery("account", "suspend", "bazaar", "--reason", "unpaid") == (0, stopped)
    assert machine.livery("account", "suspend", "ads", "--reason", "unpaid")[0] == 0
    for words, refusal in (
        (("suspend", "nobody", "--reason", "x"), "There is no account nobody. livery account list names them all."),
        (("suspend", "ads", "--reason", " "), "Say why, in at most 500 characters."),
        (
            ("suspend", "platform.test", "--reason", "x"),
            "This cannot be done to one's own account. Whoever runs your account can.",
        ),
        (("resume", "shop.test"), "Shop.Test is not suspended."),
    ):
        assert machine.livery("account", *words) == (1, f"livery: {refusal}\n")
    assert machine.livery("account", "list") == (
        0,
        "platform.test   Platform.Test  active           100000 credits\n"
        "  acme.test     Acme.Test      active           100000 credits\n"
        "    shop.test   Shop.Test      active           100000 credits\n"
        "    cafe.test   Cafe.Test      active           100000 credits\n"
        "    bazaar      Bazaar         suspended        50 credits\n"
        "  other.test    Other.Test     active           100000 credits\n"
        "    rival.test  Rival.Test     active           100000 credits\n"
        "  ads           Ad Agency      suspended        0 credits\n"
        "    below       Below          suspended_above  0 credits\n",
    )
    assert machine.livery("account", "resume", "ads") == (0, "ads is resumed: what was held leaves within seconds.\n")
    assert machine.livery("account", "list")[1].count("suspended") == 1


def test_sources_are_added_listed_and_looked_for_on_this_machine(machine: Machine, world_url: str) -> None:
    on(machine, world_url)
    none = "There are no sources: all mail leaves from the machine's default address.\n"
    assert machine.livery("source", "list") == (0, none)

    assert machine.livery("source", "add", "127.0.0.9", "mta9.relay.test") == (
        0,
        "127.0.0.9 is a source now, for every account.\n",
    )
    own = ("source", "add", "192.0.2.77", "MTA77.relay.test", "--name", "Far away", "--account", "shop.test")
    assert machine.livery(*own) == (0, "192.0.2.77 is a source now, for shop.test.\n")
    for words, refusal in (
        (("192.0.2.77", "x.relay.test"), "192.0.2.77 is a source already."),
        (("300.1.1.1", "x.relay.test"), "This is no IP address. Write it like 203.0.113.9 or 2001:db8::9."),
        (("192.0.2.78", "not a host"), "This is no host name. Use the name its PTR record gives."),
        (
            ("192.0.2.78", "x.relay.test", "--account", "nobody"),
            "There is no account nobody. livery account list names them all.",
        ),
    ):
        assert machine.livery("source", "add", *words) == (1, f"livery: {refusal}\n")
    assert machine.livery("source", "list") == (
        0,
        "127.0.0.9   mta9.relay.test   shared     mta9.relay.test\n192.0.2.77  mta77.relay.test  shop.test  Far away\n",
    )

    said = machine.livery("doctor")[1]
    assert "ok    sources      127.0.0.9 (mta9.relay.test)\n" in said
    assert (
        "warn  sources      192.0.2.77 (Far away) is no address of this machine: from here its mail leaves from the "
        "default address. Add it to an interface, or deliver where it is.\n"
    ) in said
    said = machine.livery("doctor", environ={"LIVERY_ROUTE": "simulator"})[1]
    assert "ok    sources      2, not needed for this delivery route\n" in said


def test_without_tables_or_an_operator_one_line_says_what_comes_first(machine: Machine, postgres: Postgres) -> None:
    name = postgres.create()
    on(machine, postgres.url(name))
    commands = (("account", "list"), ("source", "add", "127.0.0.9", "mta9.relay.test"), ("account", "create", "X"))
    for words in commands:
        said = "livery: The database has no tables yet, or old ones. Type: livery migrate\n"
        assert machine.livery(*words) == (1, said)
    assert machine.livery("migrate")[0] == 0
    for words in commands:
        said = "livery: Nobody operates this platform yet. First: livery operator create\n"
        assert machine.livery(*words) == (1, said)
    create = ("operator", "create", "--email", "you@relay.test", "--password-stdin")
    assert machine.livery(*create, feed="long enough for it\n")[0] == 0
    assert machine.livery("account", "list") == (0, "livery  Livery  active  0 credits\n")
    postgres.drop(name)
