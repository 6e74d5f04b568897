"""What became of a form that was refused: the status and the sentence that the API would give, to be shown beside it.

`web/errors.py` alone turns errors into these. What nobody foresaw is not caught here.
"""

from dataclasses import dataclass

import msgspec
from markupsafe import Markup
from quart import Response, current_app
from werkzeug.exceptions import HTTPException

from actors.agent import ReadOnly
from actors.pds_client import Refused
from forum.errors import BadInput, Unavailable

FORESEEN = (HTTPException, BadInput, ReadOnly, Refused, Unavailable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """`said` is the sentence in the reader's language, where there is one."""

    status: int
    sentence: str
    said: Markup | None = None


async def refusal_of(error: Exception) -> Refusal:
    """Of one of `FORESEEN`."""
    response = await current_app.handle_user_exception(error)
    assert isinstance(response, Response)
    told = msgspec.json.decode(await response.get_data(), type=dict[str, str])
    return Refusal(status=response.status_code, sentence=told["error"])
