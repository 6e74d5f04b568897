"""Forms of the panel as somebody with a browser has them before them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from actors.agent import ForumAccount
from daemon.pool import Pool
from tests.web.pages.conftest import HTML
from tests.web.pages.parsed import Parsed
from tests.web.signing_in import client_as


@asynccontextmanager
async def browser_of(database: Pool, did: str, account: ForumAccount | None) -> AsyncIterator[httpx.AsyncClient]:
    async with client_as(database, did, account=account) as browser:
        browser.headers.update(HTML)
        yield browser


def typed(shown: Parsed) -> dict[str, str]:
    """What stands in the form."""
    fields = [*shown.all("input"), *shown.all("textarea")]
    fields = [one for one in fields if one.attributes.get("type") != "checkbox"]
    values = {one.attributes["name"]: one.attributes.get("value", one.text.removeprefix("\n")) for one in fields}
    chosen = [one.attributes["value"] for one in shown.all("option") if "selected" in one.attributes]
    return values | ({"category": chosen[0]} if chosen else {})


def ticked(shown: Parsed) -> list[str]:
    """What would be sent of the boxes."""
    boxes = shown.all("input", type="checkbox")
    return [
        one.attributes["value"] for one in boxes if "checked" in one.attributes and "disabled" not in one.attributes
    ]
