"""What the values of settings may be: functions that return the value in its final form, or raise `ValueError`.

They need no words of their own: the sentence for the operator is made of the setting's description.
"""

from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from forum.records.syntax import is_did, is_handle

STREAM_PATHS = (
    "/subscribe",
    "/xrpc/network.bsky.jetstream.subscribeEvents",
    "/xrpc/com.atproto.sync.subscribeRepos",
)


def check_did(value: str) -> str:
    """A DID by a method that the network uses."""
    if not is_did(value) or not value.startswith(("did:plc:", "did:web:")):
        raise ValueError
    return value


def check_handle(value: str) -> str:
    if not is_handle(value):
        raise ValueError
    return value


def split_words(value: Any) -> Any:  # Any: whatever a source holds
    """A list may be written with commas or blanks."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def check_origin(value: str) -> str:
    """scheme://host[:port], given back without the slash at its end."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError
    if parts.query or parts.fragment or parts.username is not None or (parts.port or 1) < 1:
        raise ValueError
    return value.rstrip("/")


def check_host(value: str) -> str:
    """An origin, or a host name that is meant with https."""
    return check_origin(value if "://" in value else f"https://{value}")


def check_stream(value: str) -> str:
    """One of the three kinds of stream we can read; the path tells which."""
    parts = urlsplit(value)
    if parts.scheme not in ("ws", "wss") or not parts.hostname or parts.path not in STREAM_PATHS:
        raise ValueError
    if (parts.port or 1) < 1:  # of one above 65535 `port` itself complains
        raise ValueError
    return value


def check_database(value: SecretStr) -> SecretStr:
    if urlsplit(value.get_secret_value()).scheme not in ("postgres", "postgresql"):
        raise ValueError
    return value


def check_network(value: str) -> str:
    return str(ip_network(value, strict=False))


def check_server(value: str) -> str:
    """An address, or address:port, or [address]:port."""
    parts = server_parts(value)
    ip_address(parts.hostname or "")
    if parts.path or (parts.port or 1) < 1:
        raise ValueError
    return value


def server_parts(value: str) -> SplitResult:
    """With `hostname` and, where it is said, `port`."""
    return urlsplit(f"//{value}" if value.count(":") < 2 or value.startswith("[") else f"//[{value}]")


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
