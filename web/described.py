"""Each call of the API: who may ask, what it takes and answers; `openapi.py` makes the public description of it.

Here stands only what no route can say of itself; the types are in `api_types.py`. A test holds the table against the
app's routes and permissions, and the types against real answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
    Actors,
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
    NewTopic,
    Policy,
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
    Themes,
    Thread,
    TopicAct,
    Topics,
    Written,
)
from web.report_types import NewReport, Reports, ReportSent, Resolved, Resolving

Body = type | None
ANYONE, SIGNED_IN = "anyone", "signed in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: `who` may ask, as permissions of which one is enough; what it answers by status, None without JSON."""

    says: str
    answers: Mapping[int, object]
    who: tuple[str, ...] = (ANYONE,)
    body: Body = None
    query: tuple[str, ...] = ()
    refuses: tuple[int, ...] = ()


LIST = ("limit", "offset", "cursor")
MODERATORS = (MODERATE_POSTS, BAN_USERS, LOCK_TOPICS)
ACTS: Mapping[str, type] = {"member": Banning, "topic": TopicAct, "post": PostAct}


def read(says: str, shape: object, **more: Any) -> Call:  # Any: as the fields of Call
    return Call(says=says, answers={200: shape}, **more)


def made(says: str, body: Body, **more: Any) -> Call:  # Any: as the fields of Call
    return Call(says=says, answers={201: Written}, body=body, **more)


def acts(kind: Kind) -> dict[str, Call]:
    who, refuses = (kind.permission,), (400, 404, 409, 503)
    begin = read(f"Begin: {kind.word} a {kind.acts_on}.", Act, who=who, body=ACTS[kind.acts_on], refuses=refuses)
    end = read(f"End: {kind.word} of a {kind.acts_on}.", Act, who=who, body=ActEnd, refuses=refuses)
    return {f"POST /api/mod/{kind.word}": begin, f"DELETE /api/mod/{kind.word}/<target>": end}


SIGNED, FORUM, THEMES = (SIGNED_IN,), (MANAGE_FORUM,), (MANAGE_THEMES,)
PLACES: Mapping[str, Any] = {"who": (MANAGE_CATEGORIES,), "refuses": (400, 404, 409, 503)}  # Any: fields of Call
RANKS: Mapping[str, Any] = {"who": (MANAGE_ROLES,), "refuses": (400, 404, 409, 503)}
LOOKS: Mapping[str, Any] = {"who": THEMES, "refuses": (400, 404, 409, 503)}
WRITING: Mapping[str, Any] = {"refuses": (400, 403, 404, 409, 429, 502, 503)}

CALLS: Mapping[str, Call] = {
    "GET /api/openapi.json": read("This description.", Record),
    "GET /api/docs": Call(says="This description, to be read.", answers={200: None}),
    "GET /api/health": read("How the daemon is; always 200.", Record),
    "GET /api/forum": read("The forum and its counts.", Forum, refuses=(404,)),
    "GET /api/categories": read("All categories.", Categories),
    "GET /api/categories/<category_id>": read("One category.", Category, refuses=(400, 404)),
    "GET /api/categories/<category_id>/boards": read("A category's boards.", Boards, refuses=(400, 404)),
    "GET /api/boards": read("All boards.", Boards),
    "GET /api/boards/<board_id>": read("One board.", Board, refuses=(400, 404)),
    "GET /api/boards/<board_id>/topics": read(
        "A board's topics, pinned ones first.", Topics, query=(*LIST, "sort"), refuses=(400, 404)
    ),
    "GET /api/topics/<topic_id>": read("A topic and its replies.", Thread, query=LIST, refuses=(400, 404)),
    "POST /api/topics": Call(
        says="Start a topic.", answers={201: PostWritten}, who=(CREATE_TOPICS,), body=NewTopic, **WRITING
    ),
    "POST /api/posts": Call(
        says="Reply to a post.", answers={201: PostWritten}, who=(CREATE_POSTS,), body=NewReply, **WRITING
    ),
    "PUT /api/posts/<post_id>": read("Change a post of one's own.", PostWritten, who=SIGNED, body=Edit, **WRITING),
    "DELETE /api/posts/<post_id>": read("Delete a post of one's own.", Done, who=SIGNED, **WRITING),
    "GET /api/auth/login": Call(
        says="Go and sign in.", answers={303: None}, query=("handle", "next"), refuses=(400, 403, 429, 502, 503)
    ),
    "GET /api/auth/callback": Call(
        says="Come back from signing in.", answers={303: None}, query=("state", "code", "iss", "error"),
        refuses=(400, 403, 429, 502, 503),
    ),
    "GET /api/auth/session": read("Who is signed in.", SignedIn, who=SIGNED),
    "POST /api/auth/logout": read("End this session.", Done, who=SIGNED),
    "GET /api/auth/sessions": read("Where one is signed in.", Sessions, who=SIGNED),
    "DELETE /api/auth/sessions/<session_id>": read("End a session.", Done, who=SIGNED, refuses=(400, 404)),
    "POST /api/admin/backfill": Call(
        says="Start a backfill, if one is needed or forced.", who=FORUM, query=("force",),
        answers={200: BackfillStarted, 202: BackfillStarted}, refuses=(409, 503),
    ),
    "GET /api/admin/backfill": read(
        "Backfills, newest first.", Backfills, who=FORUM, query=("limit", "offset"), refuses=(400,)
    ),
    "GET /api/admin/backfill/<backfill_id>": read("One backfill.", Backfill, who=FORUM, refuses=(400, 404)),
    "DELETE /api/admin/backfill/<backfill_id>": Call(
        says="Cancel a running backfill.", who=FORUM, answers={202: BackfillStarted}, refuses=(400, 404, 409)
    ),
    "GET /api/admin/backfill/<backfill_id>/errors": read(
        "What a backfill could not take.", BackfillErrors, who=FORUM, refuses=(400, 404)
    ),
    "GET /api/admin/backfill/<backfill_id>/events": Call(
        says="A backfill's progress, as server-sent events.", who=FORUM, answers={200: None}, refuses=(400, 404)
    ),
    "PUT /api/admin/forum": read(
        "Say what the forum is called, and what it is about.", Written, who=FORUM, body=ForumChange,
        refuses=(400, 404, 409, 503),
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
        "Give a member a role.", RoleGiven, who=(MANAGE_ROLES,), body=RoleAsked, refuses=(400, 404, 503)
    ),
    "GET /api/themes": read("Themes that readers may choose.", Themes),
    "GET /api/themes/<rkey>": read("One theme.", Theme, refuses=(404,)),
    "GET /api/theme-policy": read("Which themes there are to choose from.", Policy),
    "GET /api/admin/themes": read("All themes.", Themes, who=THEMES),
    "POST /api/admin/themes": made("Add a theme.", Record, **LOOKS),
    "PUT /api/admin/themes/<rkey>": read("Change a theme.", Written, body=Record, **LOOKS),
    "DELETE /api/admin/themes/<rkey>": read("Remove a theme.", Done, **LOOKS),
    "POST /api/admin/themes/<rkey>/duplicate": made("Copy a theme.", None, **LOOKS),
    "PUT /api/admin/theme-policy": read("Say which themes there are.", Written, body=Record, **LOOKS),
    "GET /api/admin/modlog": read("What moderators did.", ModLog, who=MODERATORS, query=LIST, refuses=(400,)),
    "GET /api/admin/audit": read("What was changed, by whom.", Audit, who=FORUM, query=LIST, refuses=(400,)),
    "POST /api/reports": Call(
        says="Report a post to the moderators.", answers={201: ReportSent}, body=NewReport, who=SIGNED,
        refuses=(400, 403, 404, 409, 429, 503),
    ),
    "GET /api/admin/reports": read(
        "Reports: open ones, the oldest first, or resolved ones, the last first.", Reports, who=(MODERATE_POSTS,),
        query=("state", *LIST), refuses=(400,),
    ),
    "POST /api/admin/reports/<report_id>/claim": read(
        "Keep other moderators from a report for two hours.", Done, who=(MODERATE_POSTS,), refuses=(400, 404, 409)
    ),
    "DELETE /api/admin/reports/<report_id>/claim": read(
        "Leave a report to others.", Done, who=(MODERATE_POSTS,), refuses=(400, 404, 409)
    ),
    "POST /api/admin/reports/<report_id>/resolve": read(
        "Hide the reported post, ban its author, or dismiss the report.", Resolved, who=(MODERATE_POSTS,),
        body=Resolving, refuses=(400, 404, 409, 503),
    ),
    **{route: call for kind in KINDS for route, call in acts(kind).items()},
}  # fmt: skip
