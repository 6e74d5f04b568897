"""Drafts of themes: what stands in the form, from a theme, a file or the form itself, and what is to be said of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from forum.contrast import Weak, unmeasured, weak_pairs
from forum.forum_records import theme_record
from forum.presets import DEFAULTS, TOKENS
from forum.themes import Fault, Scheme, Theme, css_of, faults_in, sound
from web.bodies import asked_fields, refusing

SHAPES: Final = ("serif", "sans", "mono", "radius", "wide")  # tokens of style.css that are no colours
DRAFT: Final = "draft"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What stands in the form; `more` are tokens with names of their own, one a line, `seen` the version changed."""

    name: str
    scheme: Scheme
    tokens: Mapping[str, str]
    more: str = ""
    css: str = ""
    seen: str = ""

    @property
    def all_tokens(self) -> dict[str, str]:
        lines = (line.partition(":") for line in self.more.splitlines() if line.strip())
        return {**self.tokens, **{name.strip().removeprefix("--"): value.strip(" ;") for name, _, value in lines}}

    @property
    def sheet(self) -> str:
        """As readers would get it."""
        return lines_of(css_of(self.theme, beneath=DEFAULTS[self.scheme].tokens))

    @property
    def theme(self) -> Theme:
        """What is sound of it."""
        css = self.css or None
        return sound(
            Theme(rkey=DRAFT, name=self.name, color_scheme=self.scheme, tokens=self.all_tokens, css_overrides=css)
        )

    @property
    def fields(self) -> dict[str, Any]:  # Any: JSON
        """As the API takes it; what is empty takes a field away."""
        asked = {"name": self.name, "colorScheme": self.scheme, "tokens": self.all_tokens, "cssOverrides": self.css}
        return asked_fields(asked, *asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What is to be said of a draft: what no theme may hold, and what is hard to read or cannot be measured."""

    faults: Sequence[Fault]
    weak: Sequence[Weak]
    unmeasured: Sequence[str]


def imported(content: bytes) -> tuple[Mapping[str, Any], bool]:  # Any: JSON
    """The fields of a theme in a file, each of its type, and whether it names fonts; 400 in words if it is none."""
    try:
        told = msgspec.json.decode(content)
    except (ValueError, RecursionError) as error:
        raise BadRequest("The file must hold a theme as JSON.") from error
    if not isinstance(told, dict):
        raise BadRequest("The file must hold a theme as a JSON object.")
    with refusing():
        return theme_record(asked_fields(told, "name", "colorScheme", "tokens", "cssOverrides")), "fontUrls" in told


def theme_from(fields: Mapping[str, Any]) -> Theme:  # Any: JSON
    return Theme(
        rkey=DRAFT,
        name=fields["name"],
        color_scheme=fields["colorScheme"],
        tokens=fields["tokens"],
        css_overrides=fields.get("cssOverrides"),
    )


def draft_of(theme: Theme) -> Draft:
    known = (*TOKENS, *SHAPES)
    return Draft(
        name=theme.name,
        scheme=theme.color_scheme,
        tokens={name: value for name, value in theme.tokens.items() if name in known},
        more="\n".join(f"{name}: {value}" for name, value in theme.tokens.items() if name not in known),
        css=theme.css_overrides or "",
        seen=theme.cid or "",
    )


def draft_from(form: MultiDict[str, str]) -> Draft:
    tokens = {name: form.get(f"token-{name}", "").strip() for name in (*TOKENS, *SHAPES)}
    return Draft(
        name=form.get("name", "").strip(),
        scheme="dark" if form.get("scheme") == "dark" else "light",
        tokens={name: value for name, value in tokens.items() if value},
        more=lines_of(form.get("more", "")),
        css=lines_of(form.get("css", "")),
        seen=form.get("seen", ""),
    )


def lines_of(text: str) -> str:
    """As browsers read it, and hash it: they send two characters for the end of a line, and see one."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def findings_of(draft: Draft) -> Findings:
    kept = draft.theme.tokens
    return Findings(
        faults=list(faults_in({"tokens": draft.all_tokens, "cssOverrides": draft.css})),
        weak=weak_pairs({**DEFAULTS[draft.scheme].tokens, **kept}),
        unmeasured=unmeasured(kept),
    )
