"""What our records must be: `check_record` is the one question asked of everything that comes in or goes out.

The lexicons of `forum/lexicons` say most of it; what a lexicon cannot say stands here. Pure: no loop, no client.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from forum.errors import BadInput
from forum.records import names
from forum.records.lexicon import Catalog, load_catalog

LONGEST_URI = 1_000  # of a post that is answered or reacted to: indexed beside our own, of which a row has 2,704 bytes

_PAIRS = ("ban", "lock", "pin", "delete", "mute")
ACTIONS = frozenset([f"{names.MOD_ACTION}.{undo}{pair}" for pair in _PAIRS for undo in ("", "un")])


def check_record(collection: str, rkey: str, record: Mapping[str, Any]) -> None:
    """Raise `BadInput` unless this may stand in our index as a record of this collection, under this key."""
    catalog().check(collection, rkey, record)
    match collection:
        case names.POST:
            _check_post(record)
        case names.REACTION:
            _check_length("subject", record["subject"]["uri"])
        case names.MOD_ACTION:
            _check_mod_action(record)
        case names.THEME:
            _check_theme(record)


@cache
def catalog() -> Catalog:
    """Our lexicons, compiled."""
    return load_catalog(lexicons())


def lexicons() -> list[dict[str, Any]]:
    """The documents of our collections, and of what they refer to."""
    root = files("forum") / "lexicons"
    return [_read(root, nsid) for nsid in sorted(names.COLLECTIONS | {"com.atproto.repo.strongRef"})]


def _read(root: Traversable, nsid: str) -> dict[str, Any]:
    *folders, name = nsid.split(".")
    path = root.joinpath(*folders, f"{name}.json")
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def _check_post(record: Mapping[str, Any]) -> None:
    if "reply" not in record and "board" not in record:
        raise BadInput("missing_field", "board: missing in a topic")
    for name, ref in record.get("reply", {}).items():
        if name in ("root", "parent"):
            _check_length(f"reply.{name}", ref["uri"])


def _check_length(name: str, uri: str) -> None:
    if len(uri) > LONGEST_URI:
        raise BadInput("too_long", f"{name}: a URI of {len(uri)} characters")


def _check_mod_action(record: Mapping[str, Any]) -> None:
    subject = record["subject"]
    if ("did" in subject) == ("post" in subject):
        raise BadInput("not_allowed", "subject: either an account or a post")
    if record["action"] not in ACTIONS:
        raise BadInput("not_allowed", "action: not one we know")


def _check_theme(record: Mapping[str, Any]) -> None:
    if not all(type(value) is str for value in record["tokens"].values()):
        raise BadInput("wrong_type", "tokens: a value that is not text")
    if not all(url.startswith("https://") for url in record.get("fontUrls", ())):
        raise BadInput("not_allowed", "fontUrls: not https")
