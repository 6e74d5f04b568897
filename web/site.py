"""What handlers know of the forum they serve, from the settings."""

from dataclasses import dataclass

from forum.records.names import FORUM


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    forum_did: str
    public_origin: str | None = None

    @property
    def forum_uri(self) -> str:
        """The forum's own record."""
        return f"at://{self.forum_did}/{FORUM}/self"
