"""The smallest parts of what calls of the API take and answer, with what can be said of them beside their type."""

from typing import Annotated

from msgspec import Meta

from forum import ordering
from forum.permissions import PERMISSIONS
from web.params import LARGEST

_DID = r"did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]"
_KEY = r"[a-zA-Z0-9_~-]{1,64}"

Id = Annotated[str, Meta(pattern=r"^[0-9]{1,18}$")]
Did = Annotated[str, Meta(pattern=rf"^{_DID}$")]
Cid = Annotated[str, Meta(pattern=r"^bafyrei[a-z2-7]{52}$")]
Said = Annotated[str, Meta(pattern=r"\S")]  # more than blanks
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Order = Annotated[int, Meta(ge=0, le=ordering.LARGEST)]
Permission = Annotated[str, Meta(extra_json_schema={"enum": list(PERMISSIONS)})]

Limit = Annotated[int, Meta(ge=1, le=LARGEST)]
Offset = Annotated[int, Meta(ge=0, le=LARGEST)]
WriteKey = Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,200}$")]

BoardUri = Annotated[str, Meta(pattern=rf"^at://{_DID}/space\.atbb\.forum\.board/{_KEY}$")]
CategoryUri = Annotated[str, Meta(pattern=rf"^at://{_DID}/space\.atbb\.forum\.category/{_KEY}$")]
RoleUri = Annotated[str, Meta(pattern=rf"^at://{_DID}/space\.atbb\.forum\.role/{_KEY}$")]
ThemeUri = Annotated[str, Meta(pattern=rf"^at://{_DID}/space\.atbb\.forum\.theme/{_KEY}$")]
