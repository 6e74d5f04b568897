"""Each call of the API: who may ask, what it takes and answers; `openapi.py` makes the public description of it.

Here stands only what no route can say of itself; the types are in `api_types.py`. Tests hold the table against the
app's routes and permissions, and all of it against real answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from forum.permissions import (
    BAN_USERS,
    CREATE_POSTS,
    CREATE_TOPICS,
    LOCK_TOPICS,
    MANAGE_CATEGORIES,
    MANAGE_FORUM,
    MANAGE_MEMBERS,
    MANAGE_ROLES,
    MANAGE_THEMES,
    MODERATE_POSTS,
)
from web.acting import KINDS, Kind
from web.api_types import (
    Act,
    ActEnd,
    Audit,
    Backfill,
    BackfillErrors,
    Backfills,
    BackfillStarted,
    Banning,
    Board,
    BoardChange,
    Boards,
    Categories,
    Category,
    CategoryChange,
    Done,
    Edit,
    Forum,
    ForumChange,
    Me,
    Members,
    ModLog,
    NewBoard,
    NewCategory,
    NewReply,
    NewRole,
    NewTheme,
    NewTopic,
    NotSignedIn,
    Policy,
    PolicyChange,
    PostAct,
    PostWritten,
    Record,
    Role,
    RoleAsked,
    RoleChange,
    RoleGiven,
    Sessions,
    SignedIn,
    Theme,
    ThemeChange,
    Themes,
    Thread,
    TopicAct,
    Topics,
    Written,
)
from web.api_words import Did, Id, Limit, Offset, Said, WriteKey
from web.health_types import Actors, Health
from web.report_types import NewReport, Reports, ReportSent, Resolved, Resolving

Body = type | None
Types = Mapping[str, object]
ANYONE, SIGNED_IN = "anyone", "signed in"


@dataclass(frozen=True, slots=True)
class Media:
    """An answer that is not JSON; of a stream the schema is that of each event."""

    type: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})  # Any: a JSON schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: `who` may ask, as permissions of which one is enough; what it answers by status, None without a body.

    `query` is what it may be asked with, of which it `needs` some; `alone` means that it takes no database to answer.
    """

    says: str
    answers: Mapping[int, object]
    who: tuple[str, ...] = (ANYONE,)
    body: Body = None
    path: Types = field(default_factory=dict)
    query: Types = field(default_factory=dict)
    headers: Types = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    refuses: tuple[int, ...] = ()
    alone: bool = False


HTML = Media("text/html")
EVENTS = Media(
    "text/event-stream",
    {
        "type": "object",
        "properties": {
            "event": {"enum": ["progress", "end"]},
            "data": {"type": "string", "contentMediaType": "application/json"},
        },
    },
)
LIST: Types = {"limit": Limit, "offset": Offset, "cursor": str}
MODERATORS = (MODERATE_POSTS, BAN_USERS, LOCK_TOPICS)
ACTS: Mapping[str, tuple[type, object]] = {"member": (Banning, Did), "topic": (TopicAct, Id), "post": (PostAct, Id)}


def read(says: str, shape: object, **more: Any) -> Call:  # Any: as the fields of Call
    return Call(says=says, answers={200: shape}, **more)


def kept(says: str, shape: object, **more: Any) -> Call:  # Any: as the fields of Call
    """What caches may ask after."""
    return Call(says=says, answers={200: shape, 304: None}, headers={"If-None-Match": str}, **more)


def made(says: str, body: Body, **more: Any) -> Call:  # Any: as the fields of Call
    return Call(says=says, answers={201: Written}, body=body, **more)


def acts(kind: Kind) -> dict[str, Call]:
    body, named = ACTS[kind.acts_on]
    more: dict[str, Any] = {"who": (kind.permission,), "refuses": (400, 404, 409)}  # Any: as the fields of Call
    begin = read(f"Begin: {kind.word} a {kind.acts_on}.", Act, body=body, **more)
    end = read(f"End: {kind.word} of a {kind.acts_on}.", Act, body=ActEnd, path={"target": named}, **more)
    return {f"POST /api/mod/{kind.word}": begin, f"DELETE /api/mod/{kind.word}/<target>": end}


SIGNED, FORUM, THEMES = (SIGNED_IN,), (MANAGE_FORUM,), (MANAGE_THEMES,)
PLACES: Mapping[str, Any] = {"who": (MANAGE_CATEGORIES,), "refuses": (400, 404, 409)}  # Any: fields of Call
RANKS: Mapping[str, Any] = {"who": (MANAGE_ROLES,), "refuses": (400, 404, 409)}
LOOKS: Mapping[str, Any] = {"who": THEMES, "refuses": (400, 404, 409)}
WRITING: Mapping[str, Any] = {"refuses": (400, 403, 404, 409, 429, 502)}
ONCE: Mapping[str, Any] = {"headers": {"Idempotency-Key": WriteKey}, **WRITING}

CALLS: Mapping[str, Call] = {
    "GET /api/openapi.json": read("This description.", Record, alone=True),
    "GET /api/docs": Call(says="This description, to be read.", answers={200: HTML}, alone=True),
    "GET /api/health": read("How the daemon is; always 200.", Health, alone=True),
    "GET /api/forum": read("The forum and its counts.", Forum, refuses=(404,)),
    "GET /api/categories": read("All categories.", Categories),
    "GET /api/categories/<category_id>": read("One category.", Category, refuses=(400, 404)),
    "GET /api/categories/<category_id>/boards": read("A category's boards.", Boards, refuses=(400, 404)),
    "GET /api/boards": read("All boards.", Boards),
    "GET /api/boards/<board_id>": read("One board.", Board, refuses=(400, 404)),
    "GET /api/boards/<board_id>/topics": read(
        "A board's topics, pinned ones first.", Topics, query={**LIST, "sort": Literal["activity", "created"]},
        refuses=(400, 404),
    ),
    "GET /api/topics/<topic_id>": read("A topic and its replies.", Thread, query=LIST, refuses=(400, 404)),
    "POST /api/topics": Call(
        says="Start a topic.", answers={201: PostWritten}, who=(CREATE_TOPICS,), body=NewTopic, **ONCE
    ),
    "POST /api/posts": Call(
        says="Reply to a post.", answers={201: PostWritten}, who=(CREATE_POSTS,), body=NewReply, **ONCE
    ),
    "PUT /api/posts/<post_id>": read("Change a post of one's own.", PostWritten, who=SIGNED, body=Edit, **WRITING),
    "DELETE /api/posts/<post_id>": read("Delete a post of one's own.", Done, who=SIGNED, **WRITING),
    "GET /api/auth/login": Call(
        says="Go and sign in.", answers={303: None}, query={"handle": Said, "next": str}, needs=("handle",),
        refuses=(400, 429),
    ),
    "GET /api/auth/callback": Call(
        says="Come back from signing in.", answers={303: None}, needs=("state",),
        query=dict.fromkeys(("state", "code", "iss", "error"), str), refuses=(400, 403),
    ),
    "GET /api/auth/session": Call(says="Who is signed in.", answers={200: SignedIn, 401: NotSignedIn}, who=SIGNED),
    "POST /api/auth/logout": read("End this session.", Done, who=SIGNED),
    "GET /api/auth/sessions": read("Where one is signed in.", Sessions, who=SIGNED),
    "DELETE /api/auth/sessions/<session_id>": read("End a session.", Done, who=SIGNED, refuses=(400, 404)),
    "POST /api/admin/backfill": Call(
        says="Start a backfill, if one is needed or forced.", who=FORUM, query={"force": str},
        answers={200: BackfillStarted, 202: BackfillStarted}, refuses=(409, 500),
    ),
    "GET /api/admin/backfill": read("Backfills, newest first.", Backfills, who=FORUM, query=LIST, refuses=(400,)),
    "GET /api/admin/backfill/<backfill_id>": read("One backfill.", Backfill, who=FORUM, refuses=(400, 404)),
    "DELETE /api/admin/backfill/<backfill_id>": Call(
        says="Cancel a running backfill.", who=FORUM, answers={202: BackfillStarted}, refuses=(400, 404, 409)
    ),
    "GET /api/admin/backfill/<backfill_id>/errors": read(
        "What a backfill could not take.", BackfillErrors, who=FORUM, refuses=(400, 404)
    ),
    "GET /api/admin/backfill/<backfill_id>/events": Call(
        says="A backfill's progress, as server-sent events.", who=FORUM, answers={200: EVENTS}, refuses=(400, 404)
    ),
    "PUT /api/admin/forum": read(
        "Say what the forum is called, and what it is about.", Written, who=FORUM, body=ForumChange,
        refuses=(400, 404, 409),
    ),
    "POST /api/admin/categories": made("Add a category.", NewCategory, **PLACES),
    "PUT /api/admin/categories/<category_id>": read("Change a category.", Written, body=CategoryChange, **PLACES),
    "DELETE /api/admin/categories/<category_id>": read("Remove a category without boards.", Done, **PLACES),
    "POST /api/admin/boards": made("Add a board.", NewBoard, **PLACES),
    "PUT /api/admin/boards/<board_id>": read("Change a board.", Written, body=BoardChange, **PLACES),
    "DELETE /api/admin/boards/<board_id>": read("Remove a board without posts.", Done, **PLACES),
    "GET /api/admin/actors": read("How every actor of every process is.", Actors, who=FORUM),
    "GET /api/admin/roles": read("All roles, the strongest first.", list[Role], who=SIGNED),
    "POST /api/admin/roles": made("Add a role; before the first, the built-in ones are written.", NewRole, **RANKS),
    "PUT /api/admin/roles/<role_id>": read("Change a role.", Written, body=RoleChange, **RANKS),
    "DELETE /api/admin/roles/<role_id>": read("Remove a role that nobody has.", Done, **RANKS),
    "GET /api/admin/members/me": read("Who asks, and what they may.", Me, who=SIGNED),
    "GET /api/admin/members": read(
        "Members, newest first.", Members, who=(MANAGE_MEMBERS,), query=LIST, refuses=(400,)
    ),
    "POST /api/admin/members/<did>/role": read(
        "Give a member a role.", RoleGiven, who=(MANAGE_ROLES,), body=RoleAsked, refuses=(400, 404)
    ),
    "GET /api/themes": kept("Themes that readers may choose.", Themes),
    "GET /api/themes/<rkey>": kept("One theme.", Theme, refuses=(404,)),
    "GET /api/theme-policy": kept("Which themes there are to choose from.", Policy),
    "GET /api/admin/themes": read("All themes.", Themes, who=THEMES),
    "POST /api/admin/themes": made("Add a theme.", NewTheme, **LOOKS),
    "PUT /api/admin/themes/<rkey>": read("Change a theme.", Written, body=ThemeChange, **LOOKS),
    "DELETE /api/admin/themes/<rkey>": read("Remove a theme.", Done, **LOOKS),
    "POST /api/admin/themes/<rkey>/duplicate": made("Copy a theme.", None, **LOOKS),
    "PUT /api/admin/theme-policy": read("Say which themes there are.", Written, body=PolicyChange, **LOOKS),
    "GET /api/admin/modlog": read("What moderators did.", ModLog, who=MODERATORS, query=LIST, refuses=(400,)),
    "GET /api/admin/audit": read("What was changed, by whom.", Audit, who=FORUM, query=LIST, refuses=(400,)),
    "POST /api/reports": Call(
        says="Report a post to the moderators.", answers={201: ReportSent}, body=NewReport, who=SIGNED,
        refuses=(400, 403, 404, 409, 429),
    ),
    "GET /api/admin/reports": read(
        "Reports: open ones, the oldest first, or resolved ones, the last first.", Reports, who=(MODERATE_POSTS,),
        query={"state": Literal["open", "resolved"], **LIST}, refuses=(400,),
    ),
    "POST /api/admin/reports/<report_id>/claim": read(
        "Keep other moderators from a report for two hours.", Done, who=(MODERATE_POSTS,), refuses=(400, 404, 409)
    ),
    "DELETE /api/admin/reports/<report_id>/claim": read(
        "Leave a report to others.", Done, who=(MODERATE_POSTS,), refuses=(400, 404, 409)
    ),
    "POST /api/admin/reports/<report_id>/resolve": read(
        "Hide the reported post, ban its author, or dismiss the report.", Resolved, who=(MODERATE_POSTS,),
        body=Resolving, refuses=(400, 404, 409),
    ),
    **{route: call for kind in KINDS for route, call in acts(kind).items()},
}  # fmt: skip
