"""What handlers know of the forum they serve, from the settings."""

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network

from forum.records.names import FORUM


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    forum_did: str
    public_origin: str | None = None
    session_ttl: timedelta = timedelta(days=7)
    cursor_max_age: timedelta = timedelta(hours=48)
    shows_images: bool = False  # of posts, which others host
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()

    @property
    def forum_uri(self) -> str:
        """The forum's own record."""
        return f"at://{self.forum_did}/{FORUM}/self"

    @property
    def is_https(self) -> bool:
        """Whether browsers reach it encrypted, so that cookies may be kept from any other way."""
        return (self.public_origin or "").startswith("https://")
