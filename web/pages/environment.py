"""The templates, and the few functions they call: one Jinja environment, synchronous, for all requests."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.runtime import Context

from forum.ordering import LARGEST
from web.pages import links
from web.pages.assets import asset_path
from web.pages.swatches import swatch_of
from web.pages.who import csrf_field, moderates, runs_forum

FOLDER: Final = Path(__file__).parents[1] / "templates"


class PlainContext(Context):
    """Calls what a template calls, and no more: a page has some six hundred calls, and asking of each whether it wants
    the context, which none of ours does, took a quarter of its time.
    """

    def call(  # Any: whatever is called
        self,
        called: Callable[..., Any],
        /,
        *args: Any,
        _loop_vars: object = None,
        _block_vars: object = None,
        **kwargs: Any,
    ) -> Any:
        """`_loop_vars` and `_block_vars` come with every call, for those who want the context."""
        return called(*args, **kwargs)


class PlainEnvironment(Environment):
    context_class = PlainContext


@cache
def environment() -> Environment:
    made = PlainEnvironment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        asset=asset_path,
        anchor=links.anchor,
        answer_path=links.answer_path,
        board_path=links.board_path,
        csrf_field=csrf_field,
        excerpt=links.excerpt,
        hue_of=links.hue_of,
        identity_url=links.identity_url,
        initial_of=links.initial_of,
        largest_number=LARGEST,
        moderates=moderates,
        name_of=links.name_of,
        paged=links.paged,
        profile_path=links.profile_path,
        reply_path=links.reply_path,
        runs_forum=runs_forum,
        swatch_of=swatch_of,
        title_of=links.title_of,
        topic_path=links.topic_path,
    )
    return made
