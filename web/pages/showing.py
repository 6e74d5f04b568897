"""A template and what it shows, as a response: in the reader's language, with the headers all pages have."""

from quart import Response, redirect, request
from werkzeug.wrappers import Response as Redirection

from forum.reads.viewers import Viewer
from web.looks import asked_offer
from web.pages.choices import asked_languages, asked_look, sheets_for
from web.pages.environment import environment
from web.pages.words import Words, words_for
from web.site import Site

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    # Not no-referrer, with which browsers would not say where a form comes from.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
    "Vary": "Accept-Language, Cookie",
}
OUR_IMAGES, ALL_IMAGES = "img-src 'self' data:", "img-src 'self' data: https:"
ONE_YEAR = "max-age=31536000"


def show(
    site: Site,
    template: str,
    *,
    viewer: Viewer | None,
    forum: str | None,
    path: str | None,
    status: int = 200,
    **values: object,
) -> Response:
    """The page at `path`, which is its one true address; None: it has none of its own."""
    words, look = asked_words(), asked_look()
    sheets = tuple(sheets_for(look, asked_offer()))
    body = (
        environment()
        .get_template(template)
        .render(
            words=words,
            viewer=viewer,
            look=look,
            sheets=sheets,
            color_schemes=" ".join(dict.fromkeys(sheet.theme.color_scheme for sheet in sheets)),
            forum=forum or words("forum.unnamed"),
            here=request.full_path.rstrip("?"),
            canonical=None if path is None else origin_of(site) + path,
            **values,
        )
    )
    response = Response(body, status=status, content_type="text/html; charset=utf-8")
    response.headers.update(HEADERS)
    if site.shows_images:
        response.headers["Content-Security-Policy"] = HEADERS["Content-Security-Policy"].replace(OUR_IMAGES, ALL_IMAGES)
    if viewer is not None:
        response.headers["Cache-Control"] = "private, no-cache"
    if site.is_https:
        response.headers["Strict-Transport-Security"] = ONE_YEAR
    return response


def go(path: str) -> Redirection:
    """To where it is now. Never for ever: handles and slugs may go back to what they were, browsers would not."""
    return redirect(path, code=302)


def origin_of(site: Site) -> str:
    """As the settings say; where they do not, as the browser asked."""
    return site.public_origin or f"{request.scheme}://{request.host}"


def asked_words() -> Words:
    return words_for(asked_languages())
