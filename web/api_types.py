"""The JSON that calls of the API take and answer, as types.

`shapes.py` fills them, `described.py` says which is where.
"""

from typing import Any, Literal, NotRequired, TypedDict

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


class ForumChange(TypedDict, total=False):
    name: str
    description: str | None


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
    slug: NotRequired[str | None]
    sortOrder: NotRequired[int | None]


class CategoryChange(TypedDict, total=False):
    name: str
    description: str | None
    slug: str | None
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


class NewRole(TypedDict):
    name: str
    description: NotRequired[str | None]
    permissions: list[str]
    priority: int


class RoleChange(TypedDict, total=False):
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


class Pool(TypedDict):
    size: int
    idle: int
    waiting: int


class Actor(TypedDict):
    name: str
    state: str
    detail: str
    since: str
    hanging: bool
    restarts: int
    lastError: str | None
    inboxDepth: int
    inboxPeak: int
    handled: int
    perSecond: float
    quarterMinutes: list[int]
    counters: dict[str, int]
    lastEventAt: str | None
    lagSeconds: float | None
    committedAt: str | None
    parkedHosts: list[str]


class Process(TypedDict):
    name: str
    leads: bool
    pid: int
    at: str
    memoryBytes: int
    pool: Pool | None
    actors: list[Actor]


class Actors(TypedDict):
    processes: list[Process]
    databaseLatencyMs: float | None
