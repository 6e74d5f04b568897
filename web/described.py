"""What each call of the API takes and answers, in types; `openapi.py` makes the public description of them.

Beside the types stands only what no route can say of itself. A test holds the table against the app's routes, and the
types against real answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, TypedDict

from forum.permissions import (
    BAN_USERS,
    LOCK_TOPICS,
    MANAGE_CATEGORIES,
    MANAGE_FORUM,
    MANAGE_MEMBERS,
    MANAGE_ROLES,
    MANAGE_THEMES,
    MODERATE_POSTS,
)
from web.acting import KINDS, Kind

Record = dict[str, Any]  # Any: JSON of a lexicon's record


class Error(TypedDict):
    error: str


class Done(TypedDict):
    success: Literal[True]


class Author(TypedDict):
    did: str
    handle: str | None


class Forum(TypedDict):
    did: str
    uri: str
    name: str
    description: str | None
    boardCount: int
    topicCount: int
    replyCount: int
    memberCount: int


class Category(TypedDict):
    id: str
    uri: str
    name: str
    description: str | None
    slug: str | None
    sortOrder: int | None


class Categories(TypedDict):
    categories: list[Category]


class LastPost(TypedDict):
    uri: str
    topicId: str
    title: str | None
    author: Author | None
    createdAt: str


class Board(Category):
    categoryId: str | None
    categoryUri: str | None
    topicCount: int
    replyCount: int
    lastPost: LastPost | None


class Boards(TypedDict):
    boards: list[Board]


class Post(TypedDict):
    id: str
    did: str
    rkey: str
    uri: str
    title: str | None
    text: str
    parentPostId: str | None
    createdAt: str
    author: Author | None
    content: NotRequired[Record]
    editedAt: NotRequired[str]
    deleted: NotRequired[Literal[True]]


class Topic(Post):
    forumUri: str
    boardUri: str
    boardId: str
    replyCount: int
    lastReplyAt: str | None
    locked: bool
    pinned: bool


class Part(TypedDict):
    offset: int
    limit: int
    cursor: NotRequired[str]


class Topics(Part):
    topics: list[Topic]
    total: int


class Thread(Part):
    topicId: str
    locked: bool
    pinned: bool
    total: int
    post: Topic
    replies: list[Post]


class Written(TypedDict):
    uri: str
    cid: str | None


class PostWritten(Written):
    rkey: str


class NewTopic(TypedDict):
    title: str
    text: str
    boardUri: str


class NewReply(TypedDict):
    text: str
    rootPostId: str
    parentPostId: str


class Edit(TypedDict):
    text: str
    title: NotRequired[str | None]
    cid: NotRequired[str | None]


class SignedIn(TypedDict):
    authenticated: Literal[True]
    did: str
    handle: str | None


class Session(TypedDict):
    id: str
    createdAt: str
    seenAt: str
    userAgent: str | None
    current: bool


class Sessions(TypedDict):
    sessions: list[Session]


class BackfillStarted(TypedDict):
    message: str
    id: NotRequired[str]
    type: NotRequired[str]
    status: NotRequired[str]


class Backfill(TypedDict):
    id: str
    status: Literal["in_progress", "completed", "failed", "cancelled"]
    type: str
    didsTotal: int
    didsProcessed: int
    recordsIndexed: int
    errorCount: int
    startedAt: str
    completedAt: str | None
    errorMessage: str | None


class Backfills(TypedDict):
    backfills: list[Backfill]
    offset: int
    limit: int


class BackfillError(TypedDict):
    id: str
    did: str
    collection: str | None
    errorMessage: str
    createdAt: str


class BackfillErrors(TypedDict):
    errors: list[BackfillError]


class NewCategory(TypedDict):
    name: str
    description: NotRequired[str | None]
    sortOrder: NotRequired[int | None]


class CategoryChange(TypedDict, total=False):
    name: str
    description: str | None
    sortOrder: int | None


class NewBoard(NewCategory):
    categoryUri: str


class BoardChange(CategoryChange, total=False):
    categoryUri: str


class Role(TypedDict):
    id: str
    uri: str
    name: str
    description: str | None
    permissions: list[str]
    priority: int


class Me(TypedDict):
    did: str
    handle: str | None
    role: str | None
    roleUri: str | None
    permissions: list[str]


class Member(TypedDict):
    did: str
    handle: str | None
    role: str | None
    roleUri: str | None
    joinedAt: str


class Members(Part):
    members: list[Member]
    total: int


class RoleAsked(TypedDict):
    roleUri: str


class RoleGiven(Done, Written):
    roleAssigned: str
    targetDid: str


class Theme(TypedDict):
    uri: str | None
    cid: str | None
    rkey: str
    name: str
    colorScheme: str
    tokens: dict[str, str]
    cssOverrides: str | None
    fontUrls: list[str]
    createdAt: str | None


class Themes(TypedDict):
    themes: list[Theme]


class Choice(TypedDict):
    uri: str | None
    rkey: str
    name: str
    colorScheme: str
    cid: NotRequired[str | None]


class Policy(TypedDict):
    uri: str | None
    availableThemes: list[Choice]
    defaultLightTheme: Choice
    defaultDarkTheme: Choice
    allowUserChoice: bool
    updatedAt: str | None


class Banning(TypedDict):
    targetDid: str
    reason: str
    expiresAt: NotRequired[str | None]


class TopicAct(TypedDict):
    topicId: str
    reason: str
    expiresAt: NotRequired[str | None]


class PostAct(TypedDict):
    postId: str
    reason: str
    expiresAt: NotRequired[str | None]


class ActEnd(TypedDict):
    reason: str


class Act(Done):
    action: str
    targetDid: NotRequired[str]
    topicId: NotRequired[str]
    postId: NotRequired[str]
    postUri: NotRequired[str]
    alreadyActive: bool
    uri: str | None
    cid: str | None


class Action(TypedDict):
    id: str
    action: str
    moderatorDid: str | None
    moderatorHandle: str | None
    subjectDid: str | None
    subjectHandle: str | None
    subjectPostUri: str | None
    reason: str | None
    createdAt: str
    expiresAt: NotRequired[str]


class ModLog(Part):
    actions: list[Action]
    total: int


class AuditEntry(TypedDict):
    id: str
    at: str
    actorDid: str
    actorHandle: str | None
    act: str
    subject: str | None
    before: Any  # Any: JSON, as in the audit
    after: Any


class Audit(Part):
    entries: list[AuditEntry]


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
LOOKS: Mapping[str, Any] = {"who": THEMES, "refuses": (400, 404, 409, 503)}
WRITING: Mapping[str, Any] = {"who": SIGNED, "refuses": (400, 403, 404, 409, 429, 502, 503)}

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
    "POST /api/topics": Call(says="Start a topic.", answers={201: PostWritten}, body=NewTopic, **WRITING),
    "POST /api/posts": Call(says="Reply to a post.", answers={201: PostWritten}, body=NewReply, **WRITING),
    "PUT /api/posts/<post_id>": read("Change a post of one's own.", PostWritten, body=Edit, **WRITING),
    "DELETE /api/posts/<post_id>": read("Delete a post of one's own.", Done, **WRITING),
    "GET /api/auth/login": Call(
        says="Go and sign in.", answers={303: None}, query=("handle",), refuses=(400, 403, 429, 502, 503)
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
    "POST /api/admin/categories": made("Add a category.", NewCategory, **PLACES),
    "PUT /api/admin/categories/<category_id>": read("Change a category.", Written, body=CategoryChange, **PLACES),
    "DELETE /api/admin/categories/<category_id>": read("Remove a category without boards.", Done, **PLACES),
    "POST /api/admin/boards": made("Add a board.", NewBoard, **PLACES),
    "PUT /api/admin/boards/<board_id>": read("Change a board.", Written, body=BoardChange, **PLACES),
    "DELETE /api/admin/boards/<board_id>": read("Remove a board without posts.", Done, **PLACES),
    "GET /api/admin/roles": read("All roles, the strongest first.", list[Role], who=SIGNED),
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
    **{route: call for kind in KINDS for route, call in acts(kind).items()},
}  # fmt: skip
