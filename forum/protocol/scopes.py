"""Scopes, by what they allow: https://atproto.com/specs/permission

One permission can be written in many ways, and a server answers with its own; it drops in silence what it does not
understand. So what was granted is not compared as text. What we do not understand gives nothing.
"""

from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, unquote

from forum.records.syntax import is_nsid

ACTIONS: Final = ("create", "update", "delete")
EVERYTHING: Final = "transition:generic"  # of older servers: all an app password may do
LONGEST_QUERY: Final = 100  # names in it

Right = tuple[str, str]  # collection, action


def withheld(asked: str, granted: str) -> list[str]:
    """What of the scope asked for is not granted, as scopes; empty when all of it is."""
    given = granted.split()
    rights = {right for scope in given for right in rights_of(scope)}
    missing = []
    for scope in asked.split():
        wanted = rights_of(scope)
        if not wanted and scope not in given:
            missing.append(scope)
        if EVERYTHING not in given:
            missing += written(right for right in wanted if not {right, ("*", right[1])} & rights)
    return missing


def rights_of(scope: str) -> frozenset[Right]:
    """What one scope allows to do with records; nothing if it is about something else, or no scope at all."""
    head, _, query = scope.partition("?")
    resource, colon, collection = head.partition(":")
    try:
        parameters = parse_qsl(query, keep_blank_values=True, max_num_fields=LONGEST_QUERY)
    except ValueError:
        return frozenset()
    collections = [value for name, value in parameters if name == "collection"]
    actions = [value for name, value in parameters if name == "action"]
    understood = len(parameters) == len(collections) + len(actions) and not (colon and collections)
    if colon:
        collections = [unquote(collection)]
    if resource != "repo" or not understood or not all(map(is_collection, collections)) or set(actions) - set(ACTIONS):
        return frozenset()
    return frozenset((name, action) for name in collections for action in actions or ACTIONS)


def is_collection(name: str) -> bool:
    return name == "*" or is_nsid(name)


def written(rights: Iterable[Right]) -> list[str]:
    """Rights as scopes, one for each collection, in a settled order."""
    by_collection: dict[str, set[str]] = {}
    for collection, action in rights:
        by_collection.setdefault(collection, set()).add(action)
    return [f"repo:{name}{_only(actions)}" for name, actions in sorted(by_collection.items())]


def _only(actions: set[str]) -> str:
    if actions == set(ACTIONS):
        return ""
    return "?" + "&".join(f"action={action}" for action in ACTIONS if action in actions)
