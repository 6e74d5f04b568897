"""The forum's account as the settings name it: for the daemon's agent, and signed in for the time of a command."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from actors.agent import AgentState, ForumAccount, Login, WrongAccount, sentence_of, sign_in
from actors.pds_client import Refused
from actors.resolver import Resolver
from actors.web_client import WebClient, open_web_client
from daemon.errors import SettingsError
from daemon.setting_values import server_parts
from daemon.settings import Settings

DNS_PORT = 53


def login_of(settings: Settings) -> Login | None:
    """How the account signs in; None when the settings do not say it."""
    identifier = settings.forum_handle or settings.forum_did
    if identifier is None or settings.forum_password is None:
        return None
    return Login(
        did=settings.forum_did,
        identifier=identifier,
        password=settings.forum_password.get_secret_value(),
        pds_url=settings.pds_url,
    )


def resolver_of(settings: Settings, client: WebClient) -> Resolver:
    """Whom to ask who an account is."""
    dns = server_parts(settings.dns_server or "")
    return Resolver(
        client=client,
        plc_url=settings.plc_url,
        handle_resolver_url=settings.handle_resolver_url,
        dns_server=dns.hostname,
        dns_port=dns.port or DNS_PORT,
        development=settings.atbb_development,
    )


@asynccontextmanager
async def open_resolver(settings: Settings) -> AsyncIterator[Resolver]:
    async with open_web_client(development=settings.atbb_development) as client:
        yield resolver_of(settings, client)


async def sign_in_once(settings: Settings, resolver: Resolver) -> ForumAccount:
    """The account, signed in. Raises `SettingsError` when the settings are wrong, `Unavailable` for a server away."""
    login = login_of(settings)
    if login is None:
        raise SettingsError("FORUM_PASSWORD must be set, and FORUM_DID or FORUM_HANDLE: the forum's own account.")
    try:
        session = await sign_in(login, resolver)
    except (Refused, WrongAccount) as final:
        raise SettingsError(f"FORUM_PASSWORD cannot be used. {sentence_of(final)}") from final
    return ForumAccount(AgentState(status="authenticated"), session)
