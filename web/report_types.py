"""The JSON that calls about reports take and answer, as types; `report_shapes.py` fills them."""

from typing import Literal, NotRequired, TypedDict

from web.api_types import Author, Part
from web.api_words import Id, Moment, Said


class NewReport(TypedDict):
    postId: Id
    reason: Said


class ReportSent(TypedDict):
    id: Id
    postId: Id
    createdAt: Moment


class ReportedPost(TypedDict):
    id: Id | None
    uri: str
    cid: str | None
    author: Author
    title: str | None
    text: str
    topicId: Id | None
    topicTitle: str | None
    hidden: bool
    deleted: bool
    banned: bool


class Voice(TypedDict):
    reporter: Author
    reason: str
    postCid: str
    createdAt: Moment


class OtherReports(TypedDict):
    resolved: int
    ofPost: int
    acted: int
    open: int


class Report(TypedDict):
    id: Id
    state: Literal["open", "claimed", "resolved"]
    post: ReportedPost
    createdAt: Moment
    claimedBy: Author | None
    claimedAt: Moment | None
    claimedUntil: Moment | None
    outcome: Literal["hide", "ban", "dismiss"] | None
    reason: str | None
    note: str | None
    resolvedBy: Author | None
    resolvedAt: Moment | None
    voices: list[Voice]
    voiceCount: int
    others: OtherReports


class Reports(Part):
    reports: list[Report]


class Resolving(TypedDict):
    outcome: Literal["hide", "ban", "dismiss"]
    reason: NotRequired[str | None]
    note: NotRequired[str | None]
    expiresAt: NotRequired[Moment | None]


class Resolved(TypedDict):
    success: Literal[True]
    outcome: Literal["hide", "ban", "dismiss"]
    alreadyActive: bool
    uri: str | None
    cid: str | None
