"""The two cookies we give: `atbb_session`, and the one of a browser that is about to sign in.

Scripts do not see them, other sites' forms do not send them, and where we are reached by https they travel no other
way.
"""

from quart import Response

from forum.sign_ins import MINUTES
from web.signed_in import COOKIE
from web.site import Site

SESSION_SECONDS = 400 * 24 * 3600  # as long as browsers keep any; the session itself ends in the database
SIGN_IN_COOKIE = "atbb_sign_in"
CALLBACK = "/api/auth/callback"


def give_session(response: Response, token: str, site: Site) -> None:
    _give(response, COOKIE, token, site, seconds=SESSION_SECONDS, path="/")


def take_session(response: Response, site: Site) -> None:
    """Have the browser forget it."""
    _give(response, COOKIE, "", site, seconds=0, path="/")


def give_sign_in(response: Response, browser: str, site: Site) -> None:
    _give(response, SIGN_IN_COOKIE, browser, site, seconds=MINUTES * 60, path=CALLBACK)


def take_sign_in(response: Response, site: Site) -> None:
    _give(response, SIGN_IN_COOKIE, "", site, seconds=0, path=CALLBACK)


def _give(response: Response, name: str, value: str, site: Site, *, seconds: int, path: str) -> None:
    response.set_cookie(name, value, max_age=seconds, path=path, secure=site.is_https, httponly=True, samesite="Lax")
