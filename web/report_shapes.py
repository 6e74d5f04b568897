"""What the API calls a report: the frozen rows of `forum.reads.reports` as JSON."""

from forum.reads.accounts import Author
from forum.reads.reports import Post, Report, ReportPage, Voice
from web.answers import written
from web.params import Slice, cursor_for
from web.shapes import Shape


def report_list_shape(page: ReportPage, part: Slice) -> Shape:
    following: Shape = {} if page.next is None else {"cursor": cursor_for(page.next)}
    shapes = [report_shape(report) for report in page.reports]
    return {"reports": shapes, "offset": part.offset, "limit": part.limit, **following}


def report_shape(report: Report) -> Shape:
    others = report.others
    return {
        "id": str(report.id),
        "state": "resolved" if report.resolution else "claimed" if report.claim else "open",
        "post": post_shape(report.post),
        "createdAt": written(report.opened_at),
        **claim_shape(report),
        **resolution_shape(report),
        "voices": [voice_shape(voice) for voice in report.voices],
        "voiceCount": report.voice_count,
        "others": {
            "resolved": others.resolved,
            "ofPost": others.of_post,
            "acted": others.acted,
            "open": others.open,
        },
    }


def post_shape(post: Post) -> Shape:
    topic = post.topic
    return {
        "id": None if post.id is None else str(post.id),
        "uri": post.uri,
        "cid": post.cid,
        "author": author_shape(post.author),
        "title": post.title,
        "text": post.text,
        "topicId": None if topic is None else str(topic.id),
        "topicTitle": None if topic is None else topic.title,
        "hidden": post.hidden,
        "deleted": not post.is_there,
        "banned": post.banned,
    }


def claim_shape(report: Report) -> Shape:
    claim = report.claim
    if claim is None:
        return {"claimedBy": None, "claimedAt": None, "claimedUntil": None}
    told: Shape = {"claimedBy": author_shape(claim.by), "claimedAt": written(claim.at)}
    return {**told, "claimedUntil": written(claim.until)}


def resolution_shape(report: Report) -> Shape:
    done = report.resolution
    if done is None:
        return {"outcome": None, "reason": None, "note": None, "resolvedBy": None, "resolvedAt": None}
    told: Shape = {"outcome": done.outcome, "reason": done.reason, "note": done.note}
    return {**told, "resolvedBy": author_shape(done.by), "resolvedAt": written(done.at)}


def voice_shape(voice: Voice) -> Shape:
    return {
        "reporter": author_shape(voice.reporter),
        "reason": voice.reason,
        "postCid": voice.cid,
        "createdAt": written(voice.at),
    }


def author_shape(author: Author) -> Shape:
    return {"did": author.did, "handle": author.handle}
