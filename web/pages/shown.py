"""What a page shows, noted while it is made, so that it can be kept until one of these changes (`web/page_cache.py`).

A subject is a URI of a topic or a board, or a DID: as `forum.changes` names them. What the forum's own records say
(names, categories, themes) needs no note: when they change, everything does.
"""

from collections.abc import Iterable
from typing import Any, Final, cast

from quart import request

from forum.reads.board_page import BoardPage
from forum.reads.threads import Post

SHOWN: Final = "atbb.shown"  # the set in the request's scope; without it nobody keeps the page
EVERYTHING: Final = "*"  # counts of the whole forum, or what somebody wrote in any topic


def note_shown(*subjects: str) -> None:
    """A page that notes nothing is not kept."""
    scope = cast(dict[str, Any], request.scope)  # Any: what a layer above put there
    scope.get(SHOWN, set()).update(subjects)


def keep_nowhere() -> None:
    """Have nobody keep the page, whatever else is noted of it."""
    cast(dict[str, Any], request.scope).pop(SHOWN, None)  # Any: as above


def note_board(board: BoardPage) -> None:
    authors = {author.did for topic in board.topics for author in (topic.author, topic.last_author)}
    note_shown(board.uri, *authors)


def note_topic(opening: Post, posts: Iterable[Post]) -> None:
    """A page of it, with the names of those whom its posts answer; the topic's author is in every address."""
    shown = tuple(posts)
    answered = {post.answers.author.did for post in shown if post.answers}
    note_shown(opening.uri, opening.author.did, *(post.author.did for post in shown), *answered)
