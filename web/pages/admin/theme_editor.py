"""The theme editor: how what stands in its form would look, what is to be said of that, and saving it.

The sample is a page inside of the page, so that a theme can do as it likes there and nowhere else. Its one style sheet
is written into it, which the policy of this page allows by its hash: no draft is kept anywhere. `theme.js` sends the
form while it is edited and takes sample and findings from the answer.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Final

from markupsafe import Markup
from quart import Quart, Response, redirect, request
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response as Redirection

from forum.presets import DEFAULTS, TOKENS
from forum.themes import Fault, Theme, faults_in, sound
from web.pages.admin.panel import Desk, panel, told_of
from web.pages.admin.theme_drafts import SHAPES, Draft, draft_from, draft_of, findings_of, imported, theme_from
from web.pages.admin.themes import PATH, at_work, themes_page
from web.pages.environment import environment
from web.pages.refusals import FORESEEN, Refusal, refusal_of
from web.pages.showing import HEADERS, asked_words
from web.pages.who import keep_form
from web.theming import Workshop, add, change, is_pinned, own_theme, policy_now

OWN_STYLES: Final = "style-src 'self'"


def add_theme_editor(app: Quart, shop: Workshop) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for method, rule, handler in (
        ("GET", f"{PATH}/new", begin),
        ("POST", f"{PATH}/new", make),
        ("POST", f"{PATH}/import", bring),
        ("GET", f"{PATH}/<rkey>", edit),
        ("POST", f"{PATH}/<rkey>", keep),
    ):
        endpoint, view = f"{method} {rule}", partial(handler, shop)
        app.add_url_rule(rule, endpoint=endpoint, view_func=view, methods=[method])
        if handler in (make, keep):
            keep_form(app, endpoint, view)


async def begin(shop: Workshop) -> Response:
    """From what is built in."""
    desk = await at_work(shop)
    return editor_page(shop, desk, replace(draft_of(DEFAULTS["light"]), name=""))


async def make(shop: Workshop, refusal: HTTPException | None = None) -> Response | Redirection:
    """And go on with it; or the form again, with all that was typed, even if nobody knows any more who sends it."""
    form, desk = await request.form, None
    draft = draft_from(form)
    try:
        desk = await at_work(shop)
        if refusal is not None:
            raise refusal
        if "preview" in form or findings_of(draft).faults:
            return editor_page(shop, desk, draft, is_refused="preview" not in form)
        write = await add(shop, desk.viewer.did, draft.fields)
    except FORESEEN as error:
        return editor_page(shop, desk, draft, refusal=await told_of(error))
    return redirect(f"{PATH}/{write.rkey}?saved", code=303)


async def bring(shop: Workshop) -> Response:
    """A theme from a file, into the form: nothing is made of it yet. What no theme may hold stays out, and fonts."""
    desk, files = await at_work(shop), await request.files
    try:
        fields, has_fonts = imported(files["file"].read() if "file" in files else b"")
    except FORESEEN as error:
        return await themes_page(shop, desk, refusal=await refusal_of(error))
    left_out = [*faults_in(fields), *([Fault(kind="font")] if has_fonts else [])]
    return editor_page(shop, desk, draft_of(sound(theme_from(fields))), left_out=left_out)


async def edit(shop: Workshop, rkey: str) -> Response:
    desk = await at_work(shop)
    theme = await own_theme(shop, rkey)
    pinned = is_pinned(await policy_now(shop), theme)
    return editor_page(shop, desk, draft_of(theme), rkey=rkey, theme=theme, pinned=pinned)


async def keep(shop: Workshop, rkey: str, refusal: HTTPException | None = None) -> Response | Redirection:
    """The same for one that is there; if it is no longer, what was typed is that of a new one."""
    form, desk = await request.form, None
    draft, page = draft_from(form), partial(editor_page, shop, rkey=rkey)
    try:
        desk = await at_work(shop)
        theme = await own_theme(shop, rkey)
        page = partial(page, theme=theme, pinned=is_pinned(await policy_now(shop), theme))
        if refusal is not None:
            raise refusal
        if "preview" in form or findings_of(draft).faults:
            return page(desk, draft, is_refused="preview" not in form)
        if draft.seen not in ("", theme.cid):
            return page(desk, replace(draft, seen=theme.cid or ""), is_changed=True)
        await change(shop, desk.viewer.did, rkey, draft.fields, seen=draft.seen or None)
    except NotFound as gone:
        told = replace(await told_of(gone), said=asked_words()("admin.themes.gone"))
        return editor_page(shop, desk, draft, refusal=told)
    except FORESEEN as error:
        return page(desk, draft, refusal=await told_of(error))
    return redirect(f"{PATH}/{rkey}?saved", code=303)


def editor_page(
    shop: Workshop,
    desk: Desk | None,
    draft: Draft,
    *,
    rkey: str | None = None,
    theme: Theme | None = None,
    refusal: Refusal | None = None,
    left_out: Iterable[Fault] = (),
    is_refused: bool = False,
    is_changed: bool = False,
    pinned: bool = False,
) -> Response:
    """Of a theme that is there, or of a new one; without the `theme` of that key all it shows is what was sent."""
    page = panel(
        shop.site, "theme.html", desk, refusal=refusal,
        draft=draft, theme=theme, findings=findings_of(draft), left_out=list(left_out), pinned=pinned,
        sample=sample_of(draft), colours=TOKENS, shapes=SHAPES, usual=DEFAULTS[draft.scheme].tokens,
        at=f"{PATH}/{rkey or 'new'}", name=draft.name if theme is None else theme.name, is_new=rkey is None,
        is_refused=is_refused, is_changed=is_changed, is_saved=request.method == "GET" and "saved" in request.args,
    )  # fmt: skip
    if is_refused or is_changed:
        page.status_code = 400 if is_refused else 409
    digest = base64.b64encode(hashlib.sha256(draft.sheet.encode()).digest()).decode()
    policy = HEADERS["Content-Security-Policy"].replace(OWN_STYLES, f"{OWN_STYLES} 'sha256-{digest}'")
    page.headers["Content-Security-Policy"] = policy
    return page


def sample_of(draft: Draft) -> str:
    """A page with something of everything, in its style sheet."""
    template = environment().get_template("admin/sample.html")
    return template.render(words=asked_words(), css=Markup(draft.sheet))  # noqa: S704 - no </ is in it
