"""Our side of OAuth against a real server, whose sign-in page is asked as its own script asks it."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import httpx
import pytest

from actors.discovery import SignInRefused
from actors.oauth import Grant, GrantOver, OAuth
from actors.resolver import Resolver
from actors.web_client import open_web_client
from demo.network import Network
from demo.oauth import open_page, query_of
from demo.xrpc import Account, Pds, Refused
from forum.errors import Unavailable
from forum.protocol.dpop import Key, new_key
from forum.protocol.oauth import CLIENT_PATH, KEYS_PATH, SCOPE, Client, client_metadata, client_of, key_set
from forum.records.names import POST
from tests.support.site import Reply, said, serving

pytestmark = [pytest.mark.network, pytest.mark.slow]

LOCAL = client_of("http://127.0.0.1:3000")
IS_JSON = {"content-type": "application/json"}


def asking(scope: str) -> Client:
    """The client of this machine, with a scope of its own."""
    local = urlencode({"redirect_uri": LOCAL.redirect_uri, "scope": scope})
    return replace(LOCAL, client_id=f"http://localhost?{local}", scope=scope)


@dataclass(frozen=True, slots=True)
class Forum:
    """Us, and somebody who signs in."""

    oauth: OAuth
    account: Account

    async def granted(self) -> Grant:
        sign_in = await self.oauth.begin(self.account.handle)
        async with open_page(sign_in.url) as page:
            return await self.oauth.finish(sign_in, query_of(await page.allow(self.account)))

    async def write(self, grant: Grant) -> int:
        """The status of writing a post."""
        record = {"$type": POST, "text": "hello", "createdAt": "2026-01-01T00:00:00Z"}
        asked = {"repo": grant.did, "collection": POST, "record": record}
        return (await self.oauth.post(grant, f"{grant.pds}/xrpc/com.atproto.repo.createRecord", asked)).status

    async def is_over(self, grant: Grant) -> bool:
        """For the server of the account, and for the one that signs its owner in."""
        with pytest.raises(GrantOver):
            await self.write(grant)
        with pytest.raises(GrantOver):
            await self.oauth.refresh(grant)
        return True


@asynccontextmanager
async def forum_of(network: Network, pds: Pds, client: Client = LOCAL) -> AsyncIterator[Forum]:
    async with open_web_client(development=True) as web:
        resolver = Resolver(
            client=web,
            plc_url=network.plc,
            handle_resolver_url=network.pds.url,
            dns_server=None,
            development=True,
        )
        yield Forum(OAuth(web, resolver, client), await pds.account("ann"))


@pytest.fixture
async def forum(network: Network, pds: Pds) -> AsyncIterator[Forum]:
    async with forum_of(network, pds) as forum:
        yield forum


@asynccontextmanager
async def published(network: Network, key: Key, *keys: Key) -> AsyncIterator[Client]:
    """A confidential client of an origin of its own, and the keys it publishes."""
    origin = f"https://{secrets.token_hex(8)}.internal"
    client = client_of(origin, key)
    documents = {
        CLIENT_PATH: said(dict(client_metadata(client, origin, "The Potting Shed"))),
        KEYS_PATH: said(dict(key_set(keys))),
    }
    answers = {path.removeprefix("/"): Reply(200, document.body, IS_JSON) for path, document in documents.items()}
    async with serving(**answers) as site:
        await network.map(origin, site.url)
        yield client


async def test_public_client(forum: Forum) -> None:
    """There and back, and what can be done then; an old token is dead as soon as there is a new one."""
    grant = await forum.granted()
    assert (grant.did, grant.pds, grant.issuer) == (
        forum.account.did,
        forum.account.pds.address.url,
        forum.account.pds.address.url,
    )
    assert await forum.write(grant) == 200
    new = await forum.oauth.refresh(grant)
    assert await forum.write(new) == 200
    with pytest.raises(GrantOver):
        await forum.write(grant)
    answer = await forum.oauth.get(
        new, f"{new.pds}/xrpc/com.atproto.repo.listRecords", params={"repo": new.did, "collection": POST}
    )
    assert answer.body.count(b'"text":"hello"') == 2
    refused = {"repo": new.did, "collection": "app.bsky.feed.post", "record": {"text": "not what was allowed"}}
    assert (await forum.oauth.post(new, f"{new.pds}/xrpc/com.atproto.repo.createRecord", refused)).status == 403
    await forum.oauth.revoke(new)
    assert await forum.is_over(new)


async def test_confidential_client(network: Network, pds: Pds) -> None:
    """Known by the key it publishes, for each step; another key is another client."""
    key, other = new_key(), new_key()
    async with published(network, key, other, key) as client, forum_of(network, pds, client) as forum:
        grant = await forum.granted()
        grant = await forum.oauth.refresh(grant)
        assert await forum.write(grant) == 200
        forum.oauth.client = replace(client, key=new_key())
        with pytest.raises(SignInRefused, match="invalid_client"):
            await forum.oauth.begin(forum.account.handle)
        forum.oauth.client = replace(client, key=other)
        with pytest.raises(GrantOver):
            await forum.oauth.refresh(grant)
        forum.oauth.client = client
        await forum.oauth.revoke(grant)
        assert await forum.is_over(grant)


async def test_by_the_address_of_the_server(forum: Forum) -> None:
    """Whoever signs in there is known afterwards."""
    sign_in = await forum.oauth.begin(forum.account.pds.address.url)
    assert sign_in.did is None
    async with open_page(sign_in.url) as page:
        grant = await forum.oauth.finish(sign_in, query_of(await page.allow(forum.account)))
    assert (grant.did, grant.pds) == (forum.account.did, forum.account.pds.address.url)


async def test_denied(forum: Forum) -> None:
    """And the page is of no use any more."""
    sign_in = await forum.oauth.begin(forum.account.handle)
    async with open_page(sign_in.url) as page:
        answer = query_of(await page.deny())
        with pytest.raises(SignInRefused, match="not allowed"):
            await forum.oauth.finish(sign_in, answer)
        with pytest.raises(Refused):
            await page.allow(forum.account)


async def test_wrong_password(forum: Forum) -> None:
    """Is between the server and its people; the right one counts thereafter."""
    sign_in = await forum.oauth.begin(forum.account.handle)
    async with open_page(sign_in.url) as page:
        with pytest.raises(Refused, match="400"):
            await page.sign_in(forum.account.handle, "wrong")
        answer = query_of(await page.allow(forum.account))
    assert (await forum.oauth.finish(sign_in, answer)).did == forum.account.did


async def test_another_account(forum: Forum) -> None:
    """A server that knows which account was asked for lets no other one in; and nor would we."""
    other = await forum.account.pds.account("bob")
    sign_in = await forum.oauth.begin(forum.account.handle)
    async with open_page(sign_in.url) as page:
        answer = query_of(await page.allow(other))
    with pytest.raises(SignInRefused):
        await forum.oauth.finish(sign_in, answer)
    anyone = await forum.oauth.begin(forum.account.pds.address.url)
    async with open_page(anyone.url) as page:
        answer = query_of(await page.allow(other))
    with pytest.raises(SignInRefused, match="another account"):
        await forum.oauth.finish(replace(anyone, did=forum.account.did), answer)


async def test_request_is_used_up(forum: Forum) -> None:
    """A second yes gives nothing; and there is no page for it any more, nor for what was never asked."""
    sign_in = await forum.oauth.begin(forum.account.handle)
    async with open_page(sign_in.url) as page:
        await page.allow(forum.account)
        answer = query_of(await page.allow(forum.account))
        assert "code" not in answer
        with pytest.raises(SignInRefused):
            await forum.oauth.finish(sign_in, answer)
    for url in (sign_in.url, sign_in.url[:-4] + "0000"):
        with pytest.raises(httpx.HTTPStatusError):
            async with open_page(url):
                pass


async def test_code_is_replayed(forum: Forum) -> None:
    """Nobody gets in by it again, and who got in is out."""
    sign_in = await forum.oauth.begin(forum.account.handle)
    async with open_page(sign_in.url) as page:
        answer = query_of(await page.allow(forum.account))
    grant = await forum.oauth.finish(sign_in, answer)
    with pytest.raises(SignInRefused, match="used already"):
        await forum.oauth.finish(sign_in, answer)
    assert await forum.is_over(grant)


async def test_refresh_token_is_replayed(forum: Forum) -> None:
    """That ends the grant for everyone who has it."""
    grant = await forum.granted()
    new = await forum.oauth.refresh(grant)
    with pytest.raises(GrantOver):
        await forum.oauth.refresh(grant)
    assert await forum.is_over(new)


async def test_tokens_are_stolen(forum: Forum) -> None:
    """They are worth nothing without the key; and the refresh token, shown without it, ends the grant."""
    grant = await forum.granted()
    stolen = replace(grant, key=new_key())
    with pytest.raises(GrantOver):
        await forum.write(stolen)
    assert await forum.write(grant) == 200
    assert await forum.is_over(stolen)
    assert await forum.is_over(grant)


async def test_scope_is_withheld(forum: Forum) -> None:
    """By the owner, or in silence by a server that does not understand it."""
    less = " ".join(scope for scope in SCOPE.split() if POST not in scope)
    sign_in = await forum.oauth.begin(forum.account.handle)
    async with open_page(sign_in.url) as page:
        answer = query_of(await page.allow(forum.account, scope=less))
    with pytest.raises(SignInRefused, match=r"needed to write here: repo:space\.atbb\.post\.$"):
        await forum.oauth.finish(sign_in, answer)

    more = f"{SCOPE} repo:space.atbb.*"
    forum.oauth.client = asking(more)
    with pytest.raises(SignInRefused, match=r"needed to write here: repo:space\.atbb\.\*\.$"):
        await forum.granted()


async def test_scope_in_other_words(forum: Forum) -> None:
    """The server may write back what was asked for in its own way."""
    scope = SCOPE.replace(f"repo:{POST}", f"repo?collection={POST}&action=delete&action=create&action=update")
    forum.oauth.client = asking(scope)
    grant = await forum.granted()
    assert await forum.write(grant) == 200


async def test_server_is_restarted(network: Network, forum: Forum) -> None:
    """Between any two steps: what was begun goes on. While it is away, that is what is said."""
    sign_in = await forum.oauth.begin(forum.account.handle)
    async with open_page(sign_in.url) as page:
        answer = query_of(await page.allow(forum.account))
    await network.stop_pds()
    try:
        with pytest.raises(Unavailable):
            await forum.oauth.begin(forum.account.did)
        with pytest.raises(Unavailable):
            await forum.oauth.finish(sign_in, answer)
    finally:
        await network.start_pds()
    grant = await forum.oauth.finish(sign_in, answer)
    await network.stop_pds()
    try:
        with pytest.raises(Unavailable):
            await forum.oauth.refresh(grant)
        with pytest.raises(Unavailable):
            await forum.write(grant)
        await forum.oauth.revoke(grant)
    finally:
        await network.start_pds()
    assert await forum.write(await forum.oauth.refresh(grant)) == 200
