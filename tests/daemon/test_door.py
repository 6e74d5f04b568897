"""The door as settings have it: what closes it, and who we are to servers where it is open."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from actors.resolver import Resolver
from daemon.door import door_of, public_origin, seal_of, unlock
from daemon.errors import SettingsError
from daemon.pool import Pool
from daemon.settings import Settings, load_settings
from web.door import Closed, Door

SECRET, OTHER = "s" * 32, "o" * 32
ORIGIN = "https://forum.example.org"


@pytest.fixture
def load(tmp_path: Path):
    """Settings from an environment of the test's own, in an empty directory."""

    def load_from(**environ: str) -> Settings:
        return load_settings(environ={"HOME": str(tmp_path), **environ}, directory=tmp_path)

    return load_from


def door(settings: Settings, *, port: int = 4711) -> Door | Closed:
    resolver = Resolver(client=None, plc_url="", handle_resolver_url=None, dns_server=None, development=False)
    return door_of(settings, public_origin(settings, port), resolver)


def opened(settings: Settings) -> Door:
    found = door(settings)
    assert isinstance(found, Door)
    return found


def pem(curve: ec.EllipticCurve) -> str:
    key = ec.generate_private_key(curve)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({}, "OAUTH_PUBLIC_URL is not set"),
        ({"SESSION_SECRET": SECRET}, "OAUTH_PUBLIC_URL is not set"),
        ({"OAUTH_PUBLIC_URL": ORIGIN}, "SESSION_SECRET is not set"),
        (
            {"ATBB_DEVELOPMENT": "true", "OAUTH_PUBLIC_URL": "http://localhost:3000"},
            "OAUTH_PUBLIC_URL must be https, or http://127.0.0.1:PORT in development",
        ),
    ],
)
def test_closed(load, environ: dict[str, str], why: str) -> None:
    """Rather than half open, with the name of what is missing; nothing weak stands in for it."""
    assert door(load(**environ)) == Closed(f"Nobody can sign in here: {why}.")


def test_in_development(load) -> None:
    """Nothing need be set: the origin is the port we listen on, and servers know us as a client of this machine."""
    settings = load(ATBB_DEVELOPMENT="true", PORT="0")
    assert public_origin(settings, 4711) == "http://127.0.0.1:4711"
    client = opened(settings).oauth.client
    assert client is not None
    assert client.client_id.startswith("http://localhost?")
    assert client.redirect_uri == "http://127.0.0.1:4711/api/auth/callback"
    assert client.key is None


async def test_in_public(load, database: Pool) -> None:
    """By a key that the database keeps; before it was read the door does not open."""
    settings = load(SESSION_SECRET=SECRET, OAUTH_PUBLIC_URL=ORIGIN)
    clients = []
    for _ in range(2):
        found = opened(settings)
        assert found.oauth.client is None
        await unlock(found, ORIGIN, database)
        clients.append(found.oauth.client)
    assert clients[0] == clients[1]
    assert clients[0].client_id == f"{ORIGIN}/oauth/client-metadata.json"
    await unlock(Closed("why"), ORIGIN, database)


def test_with_a_key_of_ones_own(load) -> None:
    """It is the one that is used, and needs no database; what is no such key stops the start."""
    settings = load(SESSION_SECRET=SECRET, OAUTH_PUBLIC_URL=ORIGIN, OAUTH_PRIVATE_KEY=pem(ec.SECP256R1()))
    client = opened(settings).oauth.client
    assert client is not None
    assert client.key is not None
    for wrong in ("hunter2", pem(ec.SECP384R1()), '{"kty": "EC"}'):
        with pytest.raises(SettingsError, match="OAUTH_PRIVATE_KEY is not a private key of P-256") as error:
            door(load(SESSION_SECRET=SECRET, OAUTH_PUBLIC_URL=ORIGIN, OAUTH_PRIVATE_KEY=wrong))
        assert wrong not in str(error.value)
    with pytest.raises(SettingsError, match="OAUTH_PRIVATE_KEY"):
        door(load(OAUTH_PRIVATE_KEY="hunter2"))  # also where nobody can sign in anyway


def test_seals(load) -> None:
    """What was sealed with the former secret can still be opened, and is sealed with the new one."""
    old, both = seal_of(load(SESSION_SECRET=OTHER)), load(SESSION_SECRET=SECRET, SESSION_SECRET_PREVIOUS=OTHER)
    assert seal_of(both).open(old.seal(b"kept")) == b"kept"
    assert seal_of(load(SESSION_SECRET=SECRET)).open(seal_of(both).seal(b"kept")) == b"kept"
