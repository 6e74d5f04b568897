"""Finding who signs an account's owner in: account → DID → its server → the authorization server, and what that can do.

Follows https://atproto.com/specs/oauth ("Identity authentication"), RFC 9728 and 8414. A document is taken only from
where it must be, so no redirect is followed. Who is away can be asked later (`Unavailable`); all else is refused, in a
sentence.
"""

from dataclasses import dataclass

from actors.resolver import Resolver
from actors.web_client import Answer, WebClient
from forum.errors import BadInput, Unavailable
from forum.protocol.documents import DidDocument, origin_of
from forum.protocol.oauth import RESOURCE_PATH, SERVER_PATH, Server, Unsuitable, read_resource, read_server
from forum.records.syntax import is_did, is_handle

MAX_ANSWER_BYTES = 100_000
TOO_MANY_REQUESTS = 429

NO_NAME = "An account is told by its handle or DID, or by the address of its server."


class SignInRefused(Exception):
    """Nobody is signed in; the message is a sentence for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where an account lives, and who signs its owner in; whose it is may come out only then."""

    did: str | None
    pds: str | None
    issuer: str


async def located(web: WebClient, resolver: Resolver, account: str) -> Home:
    """By handle, DID, or the origin of a server, which signs people in itself or says who does."""
    if origin := origin_of(account):
        return Home(did=None, pds=None, issuer=await _issuer(web, origin) or origin)
    document = await _document(resolver, account)
    if document.pds is None:
        raise SignInRefused(f"The account {account} has no server.")
    issuer = await _issuer(web, document.pds)
    if issuer is None:
        raise none_there(document.pds)
    return Home(did=document.did, pds=document.pds, issuer=issuer)


async def server_of(web: WebClient, issuer: str, *, confidential: bool) -> Server:
    """The authorization server itself, which must have all we need."""
    said = await _metadata(web, issuer, SERVER_PATH)
    if said is None:
        raise none_there(issuer)
    try:
        return read_server(said, issuer, confidential=confidential)
    except Unsuitable as why:
        raise unsuitable(issuer, why) from why
    except BadInput as bad:
        raise senseless(issuer, bad) from bad


async def _document(resolver: Resolver, account: str) -> DidDocument:
    """Who it is. A handle must be the account's in both directions."""
    if not is_handle(account) and not is_did(account):
        raise SignInRefused(NO_NAME)
    try:
        did = await resolver.did_of(account.lower()) if is_handle(account) else account
        document = None if did is None else await resolver.document(did)
    except BadInput as bad:
        raise SignInRefused(f"The account {account} cannot be looked up.") from bad
    if document is None:
        raise SignInRefused(f"There is no account {account}.")
    if is_handle(account) and document.handle != account.lower():
        raise SignInRefused(f"The account that {account} points to has another handle.")
    return document


async def _issuer(web: WebClient, pds: str) -> str | None:
    """Who signs people in for a server, if it says so."""
    said = await _metadata(web, pds, RESOURCE_PATH)
    try:
        return None if said is None else read_resource(said, pds)
    except Unsuitable as why:
        raise unsuitable(pds, why) from why
    except BadInput as bad:
        raise senseless(pds, bad) from bad


async def _metadata(web: WebClient, origin: str, path: str) -> object | None:
    """A document of a server; None where it has none."""
    try:
        answer = await web.get(f"{origin}{path}", max_bytes=MAX_ANSWER_BYTES)
        if answer.status == 200:
            return answer.json()
    except BadInput as bad:
        if bad.reason == "not_https":
            raise SignInRefused(f"The server {origin} cannot sign people in here: it is not reached by https.") from bad
        raise senseless(origin, bad) from bad
    if is_away(answer):
        raise Unavailable(f"{origin} answered with status {answer.status}")
    return None


def is_away(answer: Answer) -> bool:
    return answer.status == TOO_MANY_REQUESTS or answer.status >= 500


def senseless(origin: str, bad: BadInput) -> Unavailable:
    return Unavailable(f"{origin} gives no sensible answer: {bad.reason}")


def unsuitable(origin: str, why: Unsuitable) -> SignInRefused:
    return SignInRefused(f"The server {origin} cannot sign people in here: it {why}.")


def none_there(origin: str) -> SignInRefused:
    return SignInRefused(f"The server {origin} does not offer to sign people in elsewhere.")
