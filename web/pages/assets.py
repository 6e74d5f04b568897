"""Style sheet, marks and the like: read once, named by what is in them, so that browsers may keep them for ever."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from quart import Quart, Response, redirect, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as Redirection

FOLDER: Final = Path(__file__).parents[1] / "static"
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    path: str
    content_type: str
    content: bytes
    packed: bytes


@cache
def assets() -> Mapping[str, Asset]:
    """All there are, by file name."""
    return {file.name: read_asset(file) for file in sorted(FOLDER.iterdir()) if file.suffix in TYPES}


def read_asset(file: Path) -> Asset:
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:12]
    return Asset(
        path=f"/static/{file.stem}.{digest}{file.suffix}",
        content_type=TYPES[file.suffix],
        content=content,
        packed=gzip.compress(content, mtime=0),
    )


def asset_path(name: str) -> str:
    """Where a page finds the file."""
    return assets()[name].path


def add_assets(app: Quart) -> None:
    app.add_url_rule("/static/<name>", endpoint="asset", view_func=send_asset)
    app.add_url_rule("/favicon.ico", endpoint="favicon", view_func=send_favicon)


async def send_asset(name: str) -> Response:
    found = next((asset for asset in assets().values() if asset.path == f"/static/{name}"), None)
    if found is None:
        raise NotFound("There is no such file.")
    is_packed = request.accept_encodings["gzip"] > 0
    response = Response(found.packed if is_packed else found.content, content_type=found.content_type)
    response.headers["Cache-Control"] = FOR_EVER
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if is_packed:
        response.headers["Content-Encoding"] = "gzip"
    return response


async def send_favicon() -> Redirection:
    """For who asks without having seen a page."""
    return redirect(asset_path("favicon.svg"))
