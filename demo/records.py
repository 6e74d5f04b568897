"""Our records as members and the forum write them, without `$type` of the outer object: the client adds it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from demo.xrpc import Ref
from forum.records.names import MEMBERSHIP, MOD_ACTION, POST

Fields = dict[str, Any]  # Any: JSON


def named(name: str, **more: object) -> Fields:
    """The forum, a category, a role: what has a name."""
    return {"name": name, **more, "createdAt": now()}


def board(name: str, category: Ref, **more: object) -> Fields:
    kind = "space.atbb.forum.board#categoryRef"
    return named(name, category={"$type": kind, "category": category.as_json()}, **more)


def topic(title: str, text: str, board: Ref, *, markdown: str | None = None) -> Fields:
    where = {"$type": f"{POST}#boardRef", "board": board.as_json()}
    return {"title": title, "text": text, "board": where, **content(markdown), "createdAt": now()}


def reply(text: str, root: Ref, parent: Ref | None = None, *, markdown: str | None = None) -> Fields:
    where = {"$type": f"{POST}#replyRef", "root": root.as_json(), "parent": (parent or root).as_json()}
    return {"text": text, "reply": where, **content(markdown), "createdAt": now()}


def content(markdown: str | None) -> Fields:
    return {} if markdown is None else {"content": {"$type": f"{POST}#markdown", "markdown": markdown}}


def membership(forum: Ref) -> Fields:
    joined = {"$type": f"{MEMBERSHIP}#forumRef", "forum": forum.as_json()}
    return {"forum": joined, "joinedAt": now(), "createdAt": now()}


def reaction(subject: Ref, emoji: str) -> Fields:
    return {"subject": subject.as_json(), "emoji": emoji, "createdAt": now()}


def grant(subject: str, role: Ref, *, by: str) -> Fields:
    given = {"$type": "space.atbb.forum.grant#roleRef", "role": role.as_json()}
    return {"subject": subject, "role": given, "createdBy": by, "createdAt": now()}


def mod_action(action: str, subject: Ref | str, *, by: str, reason: str = "") -> Fields:
    """`action` is lock, unban, …; the subject is a post or an account's DID."""
    about = {"did": subject} if isinstance(subject, str) else {"post": subject.as_json()}
    return {
        "action": f"{MOD_ACTION}.{action}",
        "subject": {"$type": f"{MOD_ACTION}#subject", **about},
        "reason": reason,
        "createdBy": by,
        "createdAt": now(),
    }


def now(*, ago: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) - ago).isoformat(timespec="milliseconds").replace("+00:00", "Z")
