"""The JSON that calls of the API take and answer, as types.

`shapes.py` fills them, `described.py` says which is where.
"""

from typing import Any, Literal, NotRequired, TypedDict

from web.api_words import BoardUri, CategoryUri, Cid, Did, Id, Moment, Order, Permission, RoleUri, Said, ThemeUri

Record = dict[str, Any]  # Any: JSON of a lexicon's record


class Error(TypedDict):
    error: str


class Done(TypedDict):
    success: Literal[True]


class Author(TypedDict):
    did: Did
    handle: str | None


class Forum(TypedDict):
    did: Did
    uri: str
    name: str
    description: str | None
    boardCount: int
    topicCount: int
    replyCount: int
    memberCount: int


class ForumChange(TypedDict, total=False):
    name: Said
    description: str | None


class Category(TypedDict):
    id: Id
    uri: str
    name: str
    description: str | None
    slug: str | None
    sortOrder: int | None


class Categories(TypedDict):
    categories: list[Category]


class LastPost(TypedDict):
    uri: str
    topicId: Id
    title: str | None
    author: Author | None
    createdAt: Moment


class Board(Category):
    categoryId: Id | None
    categoryUri: str | None
    topicCount: int
    replyCount: int
    lastPost: LastPost | None


class Boards(TypedDict):
    boards: list[Board]


class Post(TypedDict):
    id: Id
    did: Did
    rkey: str
    uri: str
    title: str | None
    text: str
    parentPostId: Id | None
    createdAt: Moment
    author: Author | None
    content: NotRequired[Record]
    editedAt: NotRequired[Moment]
    deleted: NotRequired[Literal[True]]


class Topic(Post):
    forumUri: str
    boardUri: str
    boardId: Id
    replyCount: int
    lastReplyAt: Moment | None
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
    topicId: Id
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
    title: Said
    text: Said
    boardUri: BoardUri


class NewReply(TypedDict):
    text: Said
    rootPostId: Id
    parentPostId: Id


class Edit(TypedDict):
    text: Said
    title: NotRequired[Said | None]
    cid: NotRequired[Cid | None]


class SignedIn(TypedDict):
    authenticated: Literal[True]
    did: Did
    handle: str | None


class NotSignedIn(Error):
    authenticated: Literal[False]


class Session(TypedDict):
    id: Id
    createdAt: Moment
    seenAt: Moment
    userAgent: str | None
    current: bool


class Sessions(TypedDict):
    sessions: list[Session]


class BackfillStarted(TypedDict):
    message: str
    id: NotRequired[Id]
    type: NotRequired[str]
    status: NotRequired[str]


class Backfill(TypedDict):
    id: Id
    status: Literal["in_progress", "completed", "failed", "cancelled"]
    type: str
    didsTotal: int
    didsProcessed: int
    recordsIndexed: int
    errorCount: int
    startedAt: Moment
    completedAt: Moment | None
    errorMessage: str | None


class Backfills(TypedDict):
    backfills: list[Backfill]
    offset: int
    limit: int
    cursor: NotRequired[str]


class BackfillError(TypedDict):
    id: Id
    did: Did
    collection: str | None
    errorMessage: str
    createdAt: Moment


class BackfillErrors(TypedDict):
    errors: list[BackfillError]


class NewCategory(TypedDict):
    name: Said
    description: NotRequired[str | None]
    slug: NotRequired[str | None]
    sortOrder: NotRequired[Order | None]


class CategoryChange(TypedDict, total=False):
    name: Said
    description: str | None
    slug: str | None
    sortOrder: Order | None


class NewBoard(NewCategory):
    categoryUri: CategoryUri


class BoardChange(CategoryChange, total=False):
    categoryUri: CategoryUri


class Role(TypedDict):
    id: Id
    uri: str
    name: str
    description: str | None
    permissions: list[str]
    priority: int


class NewRole(TypedDict):
    name: Said
    description: NotRequired[str | None]
    permissions: list[Permission]
    priority: Order


class RoleChange(TypedDict, total=False):
    name: Said
    description: str | None
    permissions: list[Permission]
    priority: Order


class Me(TypedDict):
    did: Did
    handle: str | None
    role: str | None
    roleUri: str | None
    permissions: list[str]


class Member(TypedDict):
    did: Did
    handle: str | None
    role: str | None
    roleUri: str | None
    joinedAt: Moment


class Members(Part):
    members: list[Member]
    total: int


class RoleAsked(TypedDict):
    roleUri: RoleUri


class RoleGiven(Done, Written):
    roleAssigned: str
    targetDid: Did


class Theme(TypedDict):
    uri: str | None
    cid: str | None
    rkey: str
    name: str
    colorScheme: str
    tokens: dict[str, str]
    cssOverrides: str | None
    fontUrls: list[str]
    createdAt: Moment | None


class NewTheme(TypedDict):
    name: Said
    colorScheme: Literal["light", "dark"]
    tokens: dict[str, str]
    cssOverrides: NotRequired[str | None]
    fontUrls: NotRequired[list[str] | None]


class ThemeChange(TypedDict, total=False):
    name: Said
    colorScheme: Literal["light", "dark"]
    tokens: dict[str, str]
    cssOverrides: str | None
    fontUrls: list[str] | None


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
    updatedAt: Moment | None


class ThemeRef(TypedDict):
    uri: ThemeUri
    cid: NotRequired[Cid | None]


class PolicyChange(TypedDict, total=False):
    availableThemes: list[ThemeRef]
    defaultLightTheme: ThemeRef
    defaultDarkTheme: ThemeRef
    allowUserChoice: bool


class Banning(TypedDict):
    targetDid: Did
    reason: Said
    expiresAt: NotRequired[Moment | None]


class TopicAct(TypedDict):
    topicId: Id
    reason: Said
    expiresAt: NotRequired[Moment | None]


class PostAct(TypedDict):
    postId: Id
    reason: Said
    expiresAt: NotRequired[Moment | None]


class ActEnd(TypedDict):
    reason: Said


class Act(Done):
    action: str
    targetDid: NotRequired[Did]
    topicId: NotRequired[Id]
    postId: NotRequired[Id]
    postUri: NotRequired[str]
    alreadyActive: bool
    uri: str | None
    cid: str | None


class Action(TypedDict):
    id: Id
    action: str
    moderatorDid: Did | None
    moderatorHandle: str | None
    subjectDid: Did | None
    subjectHandle: str | None
    subjectPostUri: str | None
    reason: str | None
    createdAt: Moment
    expiresAt: NotRequired[Moment]


class ModLog(Part):
    actions: list[Action]
    total: int


class AuditEntry(TypedDict):
    id: Id
    at: Moment
    actorDid: Did
    actorHandle: str | None
    act: str
    subject: str | None
    before: Any  # Any: JSON, as in the audit
    after: Any


class Audit(Part):
    entries: list[AuditEntry]
