"""The JSON that calls about reports take and answer, as types; `report_shapes.py` fills them."""

from typing import Literal, NotRequired, TypedDict

from web.api_types import Author, Part


class NewReport(TypedDict):
    postId: str
    reason: str


class ReportSent(TypedDict):
    id: str
    postId: str
    createdAt: str


class ReportedPost(TypedDict):
    id: str | None
    uri: str
    cid: str | None
    author: Author
    title: str | None
    text: str
    topicId: str | None
    topicTitle: str | None
    hidden: bool
    deleted: bool
    banned: bool


class Voice(TypedDict):
    reporter: Author
    reason: str
    postCid: str
    createdAt: str


class OtherReports(TypedDict):
    resolved: int
    ofPost: int
    acted: int
    open: int


class Report(TypedDict):
    id: str
    state: Literal["open", "claimed", "resolved"]
    post: ReportedPost
    createdAt: str
    claimedBy: Author | None
    claimedAt: str | None
    claimedUntil: str | None
    outcome: Literal["hide", "ban", "dismiss"] | None
    reason: str | None
    note: str | None
    resolvedBy: Author | None
    resolvedAt: str | None
    voices: list[Voice]
    voiceCount: int
    others: OtherReports


class Reports(Part):
    reports: list[Report]


class Resolving(TypedDict):
    outcome: Literal["hide", "ban", "dismiss"]
    reason: NotRequired[str | None]
    note: NotRequired[str | None]
    expiresAt: NotRequired[str | None]


class Resolved(TypedDict):
    success: Literal[True]
    outcome: Literal["hide", "ban", "dismiss"]
    alreadyActive: bool
    uri: str | None
    cid: str | None
