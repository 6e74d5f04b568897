"""Records of the forum's own repository, as we write them: with their types, a date, and nothing that says nothing.

What others put into a record we edit stays in it. Everything here has passed `check_record`.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from forum.moderation import Post
from forum.own_writes import OwnWrite
from forum.permissions import BUILT_IN
from forum.protocol.events import RecordOp
from forum.records import check_record
from forum.records.names import BOARD, CATEGORY, FORUM, GRANT, MOD_ACTION, ROLE, THEME, THEME_POLICY
from forum.records.syntax import tid_of

Fields = Mapping[str, Any]  # Any: JSON

HOLD_REFS = frozenset({"forum", "board", "reply", "category", "role"})


def forum_record(fields: Fields) -> Fields:
    return checked(FORUM, {"createdAt": now(), **fields}, rkey="self")


def category_record(fields: Fields) -> Fields:
    """A new one, or one with all its fields."""
    return checked(CATEGORY, {"createdAt": now(), **fields})


def board_record(fields: Fields, *, category: RecordOp | OwnWrite | None = None) -> Fields:
    """A new one, or one with all its fields; in `category` if that is given, else where the fields say."""
    place = {} if category is None else {"category": {"category": ref_of(category)}}
    return checked(BOARD, {"createdAt": now(), **fields, **place})


def role_record(fields: Fields) -> Fields:
    """A new one, or one with all its fields."""
    return checked(ROLE, {"createdAt": now(), **fields})


def built_in_roles() -> list[Fields]:
    """Those that are in force without records. The weakest first: without its default role a forum gives no rights."""
    return [
        role_record({"name": name, "permissions": sorted(rights.permissions), "priority": rights.priority})
        for name, rights in sorted(BUILT_IN.items(), key=lambda item: -item[1].priority)
    ]


def grant_record(subject: str, role: RecordOp | OwnWrite, *, by: str) -> Fields:
    return checked(GRANT, {"subject": subject, "role": {"role": ref_of(role)}, "createdBy": by, "createdAt": now()})


def mod_action_record(action: str, subject: str | Post, *, reason: str, by: str, until: datetime | None) -> Fields:
    """On an account, by its DID, or on a post; `action` is ban, unban, …."""
    about = {"did": subject} if isinstance(subject, str) else {"post": ref_of(subject)}
    fields = {
        "action": f"{MOD_ACTION}.{action}",
        "subject": {"$type": f"{MOD_ACTION}#subject", **about},
        "reason": reason,
        "createdBy": by,
        "createdAt": now(),
        "expiresAt": None if until is None else until.isoformat().replace("+00:00", "Z"),
    }
    return checked(MOD_ACTION, fields)


def theme_record(fields: Fields) -> Fields:
    """A new one, or one with all its fields."""
    return checked(THEME, {"createdAt": now(), **fields})


def theme_policy_record(fields: Fields) -> Fields:
    """With all its fields, as of now."""
    typed = {name: _typed_refs(value) for name, value in fields.items()}
    return checked(THEME_POLICY, {**typed, "updatedAt": now()}, rkey="self")


def _typed_refs(value: object) -> object:
    """A reference to a theme, or a list of them, as a record has it; what is neither, as it is."""
    match value:
        case list():
            return [_typed_refs(each) for each in value]
        case {"uri": uri, **more}:
            pin = {} if more.get("cid") is None else {"cid": more["cid"]}
            return {"$type": f"{THEME_POLICY}#themeRef", "uri": uri, **pin}
    return value


def ref_of(op: RecordOp | OwnWrite | Post) -> Fields:
    """A strongRef to a record that is there."""
    return {"uri": op.uri, "cid": op.cid}


def checked(collection: str, fields: Fields, *, rkey: str | None = None) -> Fields:
    """The record of these fields, those that are None left out, and its references with their types.

    Raises `BadInput`, whose words name the field.

    Where the server will choose the key, one of the kind it chooses stands for it.
    """
    said = {name: value for name, value in fields.items() if value is not None}
    record = with_types(collection, {"$type": collection, **said})
    check_record(collection, rkey or tid_of(time.time_ns() // 1000, 0), record)
    return record


def with_types(collection: str, record: Fields) -> Fields:
    """The record whose inner references say what they are: others may leave that out, but lose the thread without."""
    untyped = {
        name: {"$type": f"{collection}#{name}Ref", **value}
        for name, value in record.items()
        if name in HOLD_REFS and isinstance(value, Mapping) and "$type" not in value
    }
    return {**record, **untyped}


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
