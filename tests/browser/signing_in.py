"""Signing in: by the forum's page, then by that of the member's server, with the fields and buttons of the real one."""

from typing import Any
from urllib.parse import urlencode

from demo.xrpc import Account
from tests.browser.chromium import Visitor

FETCH = """async ([method, path]) => {
    const response = await fetch(path, {method})
    return [response.status, await response.json()]
}"""

Json = Any  # JSON


def begin(visitor: Visitor, account: Account, *, next_path: str = "/about") -> None:
    """Say who one is, and arrive at one's server."""
    visitor.page.goto("/sign-in?" + urlencode({"next": next_path}))
    visitor.page.get_by_label("Your handle").fill(account.handle)
    press(visitor, "Continue")
    visitor.page.locator("input[name=password]").wait_for()


def give(visitor: Visitor, password: str) -> None:
    visitor.page.locator("input[name=password]").fill(password)
    press(visitor, "Sign in")


def press(visitor: Visitor, button: str) -> None:
    visitor.page.get_by_role("button", name=button, exact=True).click()


def sign_in(visitor: Visitor, account: Account, *, next_path: str = "/about") -> None:
    """There, and back."""
    begin(visitor, account, next_path=next_path)
    give(visitor, account.password)
    press(visitor, "Authorize")
    visitor.page.wait_for_url(next_path)


def ask(visitor: Visitor, method: str, path: str) -> tuple[int, Json]:
    """What a script of the page that is open would be answered: the status, and the JSON."""
    status, said = visitor.page.evaluate(FETCH, [method, path])
    return int(status), said


def who(visitor: Visitor) -> str | None:
    """The handle of whom this browser has signed in."""
    said = ask(visitor, "GET", "/api/auth/session")[1]
    return str(said["handle"]) if said["authenticated"] else None
