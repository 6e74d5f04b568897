"""Style sheet, marks and the like, of `web/static/`: read once, and named by what is in them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from quart import Quart, Response, redirect
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as Redirection

from web.files import File, file_of, sent

FOLDER: Final = Path(__file__).parents[1] / "static"
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@cache
def assets() -> Mapping[str, File]:
    """All there are, by file name."""
    return {file.name: read_asset(file) for file in sorted(FOLDER.iterdir()) if file.suffix in TYPES}


def read_asset(file: Path) -> File:
    return file_of(file.read_bytes(), TYPES[file.suffix], before=f"/static/{file.stem}", after=file.suffix)


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
    return sent(found)


async def send_favicon() -> Redirection:
    """For who asks without having seen a page."""
    return redirect(asset_path("favicon.svg"))
