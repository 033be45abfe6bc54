"""Does every setting that cannot be used say so in one line?"""

import pytest

from kit.settings import SettingsError, load

KEY = "ab" * 32


def test_nothing_set_is_the_embedded_platform_on_loopback() -> None:
    settings = load({})
    assert (settings.database_url, settings.broker_url, settings.secret_key) == ("", "", b"")
    assert (settings.bind, settings.http_port, settings.mx_port, settings.route) == ("127.0.0.1", 8000, 2526, "mx")
    assert (settings.smtp_ports, settings.smtps_ports) == ((2525, 2587), (2465, 25025))


def test_the_demo_plays_its_deliveries_unless_told_otherwise() -> None:
    assert load({"LIVERY_DEMO": "1"}).route == "simulator"
    assert load({"LIVERY_DEMO": "1", "LIVERY_ROUTE": "smtp://127.0.0.1:2600"}).route == "smtp://127.0.0.1:2600"


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"LIVERY_DATABASE_URL": "mysql://x/y"}, "LIVERY_DATABASE_URL must begin with postgres"),
        ({"LIVERY_DATABASE_URL": "postgresql://x/y"}, "LIVERY_SECRET_KEY is missing"),
        ({"LIVERY_SECRET_KEY": "abcd"}, "shorter than 32 bytes"),
        ({"LIVERY_SECRET_KEY": "change me"}, "hexadecimal"),
        ({"LIVERY_BROKER_URL": "redis://x"}, "LIVERY_BROKER_URL must begin with amqp://"),
        ({"LIVERY_HTTP_PORT": "99999"}, "LIVERY_HTTP_PORT is '99999'"),
        ({"LIVERY_SMTP_PORTS": "25,abc"}, "LIVERY_SMTP_PORTS is 'abc'"),
        ({"LIVERY_ROUTE": "somewhere"}, "LIVERY_ROUTE is 'somewhere'"),
        ({"LIVERY_ROUTE": "smtp://host"}, "LIVERY_ROUTE is"),
        ({"LIVERY_TLS_CERT": "/x.pem"}, "go together"),
        ({"LIVERY_TRUSTED_PROXIES": "10.0.0.1/8"}, "LIVERY_TRUSTED_PROXIES"),
        ({"LIVERY_TLS": "sometimes"}, "LIVERY_TLS is 'sometimes': it takes opportunistic or required"),
        ({"LIVERY_BARE_NEWLINES": "keep"}, "refuse or normalise"),
        ({"LIVERY_DEMO": "1", "LIVERY_BIND": "0.0.0.0"}, "loopback only"),
        ({"LIVERY_BIND": "everywhere"}, "LIVERY_BIND"),
        ({"LIVERY_DEMO": "maybe"}, "LIVERY_DEMO is 'maybe'"),
    ],
)
def test_what_cannot_be_used_is_named(environ: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(environ)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_secret_key_is_never_shown() -> None:
    assert KEY not in repr(load({"LIVERY_SECRET_KEY": KEY}))
    assert repr(bytes.fromhex(KEY)) not in repr(load({"LIVERY_SECRET_KEY": KEY}))
