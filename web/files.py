"""Files that browsers may keep for ever: each is named by what is in it, so what changes has another name."""

import gzip
import hashlib
from dataclasses import dataclass
from typing import Final

from quart import Response, request

FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    path: str
    content_type: str
    content: bytes
    packed: bytes


def file_of(content: bytes, content_type: str, *, before: str, after: str) -> File:
    """The file at `before`.DIGEST`after`."""
    return File(
        path=f"{before}.{hashlib.sha256(content).hexdigest()[:12]}{after}",
        content_type=content_type,
        content=content,
        packed=gzip.compress(content, mtime=0),
    )


def sent(file: File) -> Response:
    """Packed for who can unpack."""
    is_packed = request.accept_encodings["gzip"] > 0
    response = Response(file.packed if is_packed else file.content, content_type=file.content_type)
    response.headers["Cache-Control"] = FOR_EVER
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if is_packed:
        response.headers["Content-Encoding"] = "gzip"
    return response
