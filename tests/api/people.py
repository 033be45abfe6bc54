"""What do people do in these tests? They are invited, sign in, and read the mail that the platform wrote to them."""

import base64
import email
import email.policy
import re
from typing import Any

from kit import totp
from tests.api.conftest import Client, World

PROBLEM = "... on Problem { code message field next }"

UNSEEN = (
    *("\u200b", "\u00ad", "\u2800", "\u3164", "\u0301", "\u034f", "\u2066Support\u2069", "Ann\u202egpj.exe"),
    *("Ann\r\nBcc: x@y.test", "Ann\nx", "Ann\u2028x", "Ann\x07", "\x1b[31mAnn"),
)
"""Names that nobody can see, that hide something, turn it, or go on in another line."""

INVITE = f"""mutation ($email: String!, $role: Role!, $account: ID) {{
  inviteMember(email: $email, role: $role, accountId: $account) {{
  __typename ... on Invitation {{ id email role expired }} {PROBLEM} }} }}"""
RESEND = (
    f"mutation ($id: ID!) {{ resendInvitation(id: $id) {{ __typename ... on Invitation {{ id expired }} {PROBLEM} }} }}"
)
REVOKE = f"mutation ($id: ID!) {{ revokeInvitation(id: $id) {{ __typename ... on Invitation {{ id }} {PROBLEM} }} }}"
OFFER = "query ($token: String!) { invitationOffer(token: $token) { accountName email } }"
ACCEPT = f"""mutation ($token: String!, $name: String!, $password: String!) {{
  acceptInvitation(token: $token, name: $name, password: $password) {{
    __typename ... on SignedIn {{ me {{ member {{ email name role }} account {{ slug }} }} }} {PROBLEM} }} }}"""
MEMBERS = "query ($account: ID) { members(accountId: $account) { nodes { id email name role } } }"
CHANGE = f"""mutation ($id: ID!, $role: Role!) {{ changeMemberRole(id: $id, role: $role) {{
  __typename ... on MemberChanged {{ member {{ email role }} credentialsInForce }} {PROBLEM} }} }}"""
REMOVE = f"""mutation ($id: ID!) {{ removeMember(id: $id) {{
  __typename ... on MemberChanged {{ member {{ email }} credentialsInForce }} {PROBLEM} }} }}"""
LOGIN = f"""mutation ($email: String!, $password: String!) {{ login(email: $email, password: $password) {{
  __typename ... on SignedIn {{ me {{ member {{ email }} }} }} ... on SecondFactorNeeded {{ challenge }} {PROBLEM} }} }}"""
SECOND = f"""mutation ($challenge: String!, $code: String!) {{ loginSecondFactor(challenge: $challenge, code: $code) {{
  __typename ... on SignedIn {{ me {{ member {{ email }} }} }} {PROBLEM} }} }}"""
ASK_RESET = f"""mutation ($email: String!) {{ requestPasswordReset(email: $email) {{
  __typename ... on ResetRequested {{ email }} {PROBLEM} }} }}"""
RESET = f"""mutation ($token: String!, $password: String!) {{ resetPassword(token: $token, password: $password) {{
  __typename ... on PasswordChanged {{ endedSessions }} {PROBLEM} }} }}"""
CHANGE_PASSWORD = f"""mutation ($current: String!, $new: String!) {{ changePassword(current: $current, new: $new) {{
  __typename ... on PasswordChanged {{ endedSessions }} {PROBLEM} }} }}"""
BEGIN = f"""mutation ($password: String!) {{ beginSecondFactor(password: $password) {{
  __typename ... on SecondFactorBegun {{ secret uri }} {PROBLEM} }} }}"""
CONFIRM = f"""mutation ($code: String!) {{ confirmSecondFactor(code: $code) {{
  __typename ... on RecoveryCodes {{ codes }} {PROBLEM} }} }}"""
DISABLE = f"""mutation ($password: String, $code: String) {{ disableSecondFactor(password: $password, code: $code) {{
  __typename ... on SecondFactorOff {{ secondFactor }} {PROBLEM} }} }}"""
RENEW = f"""mutation ($password: String, $code: String) {{ renewRecoveryCodes(password: $password, code: $code) {{
  __typename ... on RecoveryCodes {{ codes }} {PROBLEM} }} }}"""
SESSIONS = "{ sessions { id device host ip current entered } }"
END = f"mutation ($id: ID!) {{ endSession(id: $id) {{ __typename ... on SessionsEnded {{ count }} {PROBLEM} }} }}"
END_OTHERS = f"mutation {{ endOtherSessions {{ __typename ... on SessionsEnded {{ count }} {PROBLEM} }} }}"
_ME = "me { member { email } account { slug } home { slug } permissions }"
ENTER = f"""mutation ($account: ID!) {{ enterAccount(accountId: $account) {{
  __typename ... on Moved {{ {_ME} }} {PROBLEM} }} }}"""
LEAVE = f"mutation {{ leaveAccount {{ __typename ... on Moved {{ {_ME} }} {PROBLEM} }} }}"
WHO = f"{{ {_ME} }}"
AUDIT = """query ($first: Int!, $after: String, $account: ID, $action: String) {
  auditEntries(first: $first, after: $after, accountId: $account, action: $action) {
    nodes { action accountName target member { email name } credentialName byProvider entered ip
            changes { field before after } } pageInfo { hasNextPage endCursor } } }"""

NEW_PASSWORD = "another long password"


async def mails(world: World, to: str) -> list[Any]:
    """The platform's own mail to an address, oldest first, parsed; with everything that goes out later gone out."""
    await world.platform.notices.close()
    async with world.db.connection() as conn:
        rows = await conn.fetch(
            """select b.content from message m join body b on b.message_id = m.id join recipient r on r.message_id = m.id
                where r.address = $1 and m.door = 'note' order by m.id""",
            to,
        )
    return [email.message_from_bytes(row["content"], policy=email.policy.default) for row in rows]


async def link(world: World, to: str) -> str:
    """The link in the newest mail to an address."""
    text = (await mails(world, to))[-1].get_content()
    return re.findall(r"https?://\S+", text)[0]


async def token(world: World, to: str) -> str:
    """The token of that link."""
    return (await link(world, to)).partition("#")[2]


async def invited(world: World, browser: Client, to: str, role: str = "SENDER", account: str | None = None) -> str:
    """Invite an address; return the link's token."""
    answer = (await browser.ask(INVITE, email=to, role=role, account=account))["inviteMember"]
    assert answer["__typename"] == "Invitation", answer
    return await token(world, to)


async def member(world: World, browser: Client, to: str, role: str, account: str | None = None) -> Client:
    """Let an address become a member, invited by `browser`; return its own browser, signed in."""
    link_token = await invited(world, browser, to, role, account)
    other = world.client("shop.localhost" if account is None else "acme.localhost")
    answer = (await other.ask(ACCEPT, token=link_token, name=to.split("@")[0], password=NEW_PASSWORD))[
        "acceptInvitation"
    ]
    assert answer["__typename"] == "SignedIn", answer
    return other


async def code(world: World, secret: str, *, steps: int = 0) -> str:
    """What an authenticator with this secret shows, by the platform's clock, some steps from now."""
    async with world.db.connection() as conn:
        now = await conn.fetchval("select extract(epoch from livery_now())::bigint")
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    return totp.code(key, now // totp.STEP + steps)


async def not_at_the_edge(world: World) -> None:
    """Move the platform's clock to the first second of a time step, so that none ends in the middle of a test."""
    async with world.db.connection() as conn:
        await conn.execute(
            "update clock_shift set by = by + make_interval(secs => 31 - extract(epoch from livery_now())::numeric % 30)"
        )


async def actions(world: World) -> list[str]:
    """The actions of all audit entries, oldest first."""
    async with world.db.connection() as conn:
        return [row["action"] for row in await conn.fetch("select action from audit_entry order by id")]


async def with_second_factor(world: World, browser: Client, password: str) -> tuple[str, list[str]]:
    """Turn the second factor on for whoever is signed in; return secret and recovery codes."""
    await not_at_the_edge(world)
    begun = (await browser.ask(BEGIN, password=password))["beginSecondFactor"]
    assert begun["__typename"] == "SecondFactorBegun", begun
    confirmed = (await browser.ask(CONFIRM, code=await code(world, begun["secret"])))["confirmSecondFactor"]
    assert confirmed["__typename"] == "RecoveryCodes", confirmed
    return begun["secret"], confirmed["codes"]
