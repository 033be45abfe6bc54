"""The door for pages and programs: GraphQL, the live channel, the dashboard's files, health.

app          puts the process together and serves it
http         how long a request's head may be
tracking     links and pixels in mail, before everything else
brand        which host shows whose face; strangers' hosts get nothing
auth         who is asking
operations   one GraphQL operation by POST
sockets      live connections
context      what one operation has at hand
errors       how a refusal looks
dashboard    the built pages
health       for load balancers
graphql/     what can be asked, one file a noun
"""

from kit.settings import Settings


def serve(settings: Settings) -> None:
    """Serve the API until SIGTERM or SIGINT; blocks. Raises OSError where the database cannot be reached."""
    from api.app import run

    run(settings)
