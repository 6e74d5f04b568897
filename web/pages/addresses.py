"""What the parts of an address name; 404 for what cannot be the name of anything, before the database is asked."""

from typing import Final

from werkzeug.exceptions import NotFound

from forum.records.names import BOARD
from forum.records.syntax import is_at_identifier, is_did, is_record_key
from web.site import Site

NO_BOARD: Final = "There is no such board; perhaps it was removed."
NO_TOPIC: Final = "There is no such topic; perhaps it was deleted."
NO_REPLY: Final = "There is no such reply; perhaps it was deleted."
NO_MEMBER: Final = "Nobody of that name is known here."


def board_uri(site: Site, rkey: str) -> str:
    if not is_record_key(rkey):
        raise NotFound(NO_BOARD)
    return f"at://{site.forum_did}/{BOARD}/{rkey}"


def topic_names(name: str, rkey: str) -> tuple[str, str]:
    """The author and the record key of a topic's path."""
    if not is_record_key(rkey):
        raise NotFound(NO_TOPIC)
    return identifier(name, NO_TOPIC), rkey


def identifier(name: str, otherwise: str) -> str:
    """A DID, or a handle as handles are written."""
    if not is_at_identifier(name):
        raise NotFound(otherwise)
    return name if is_did(name) else name.lower()
