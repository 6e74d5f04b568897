"""The form of a role: what stands in it, which permissions can be ticked in it, and what is written of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from forum.forum_records import Fields
from forum.ordering import LARGEST
from forum.own_writes import OwnWrite, Record
from forum.permissions import CREATE_POSTS, CREATE_TOPICS, EVERYTHING, PERMISSIONS, PREFIX, Rights, may
from forum.reads.roles import Role
from web import ranking
from web.forum_writing import Pen
from web.pages import links
from web.pages.admin.forms import Form, Shown, faults_in_texts, texts_of
from web.pages.showing import asked_words
from web.params import whole

PATH: Final = "/admin/roles"
FIELDS: Final = ("name", "description", "priority")
WRITING: Final = (CREATE_TOPICS, CREATE_POSTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What a form is about, and what who asks may. `there` is None where it is new; `own` where nobody is known."""

    rkey: str | None
    roles: tuple[Role, ...] = ()
    there: Role | None = None
    own: Rights | None = None

    @property
    def path(self) -> str:
        return f"{PATH}/{self.rkey or links.NEW}"

    @property
    def held(self) -> frozenset[str]:
        return frozenset(self.there.permissions if self.there else ())

    def is_open(self, permission: str) -> bool:
        """Whether it can be given and taken: what somebody does not hold stays as it is."""
        return permission in PERMISSIONS and (self.own is None or may(self.own, permission))


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A permission on the form. `word` is what pages call it, None where it is other software's."""

    permission: str
    word: str | None
    is_open: bool


def beginning(matter: Matter) -> Form:
    """What is there; for a new role what most have: the right to write, and the rank of the weakest."""
    there = matter.there
    if there is not None:
        return Form(typed=shown(there), chosen=matter.held, seen=there.cid or "")
    assert matter.own is not None
    weakest = max((role.priority for role in matter.roles), default=ranking.WEAKEST_BUILT_IN)
    priority = str(max(weakest, matter.own.priority + 1))
    chosen = frozenset(permission for permission in WRITING if matter.is_open(permission))
    return Form(typed={"name": "", "description": "", "priority": priority}, chosen=chosen)


def boxes(matter: Matter) -> list[Box]:
    """What can be ticked, and what is ticked for good."""
    known = [one for one in PERMISSIONS if matter.is_open(one) or one in matter.held]
    foreign = sorted(matter.held - set(PERMISSIONS))
    return [Box(permission=one, word=word_of(one), is_open=matter.is_open(one)) for one in (*known, *foreign)]


def word_of(permission: str) -> str | None:
    if permission not in PERMISSIONS:
        return None
    return "everything" if permission == EVERYTHING else permission.removeprefix(PREFIX)


def called(permissions: Iterable[str]) -> str:
    """Permissions in the reader's language, in their order."""
    there, words = set(permissions), asked_words()
    known = [str(words(f"admin.permission.{word_of(one)}")) for one in PERMISSIONS if one in there]
    return ", ".join((*known, *sorted(there - set(PERMISSIONS))))


def shown(role: Role) -> Shown:
    """What is there, as the form has it."""
    return {"name": role.name, "description": role.description or "", "priority": str(role.priority)}


def shown_in(record: Record) -> Shown:
    """The same of the record itself, and what it permits in words."""
    texts = texts_of(record, "name", "description")
    return {**texts, "priority": str(record["priority"]), "permissions": called(record["permissions"])}


def faults_in(matter: Matter, typed: Shown) -> dict[str, Markup]:
    """What can be mended before anything is sent, by field."""
    words, faults = asked_words(), faults_in_texts(typed)
    priority = whole(typed["priority"])
    if priority is None or priority > LARGEST:
        faults["priority"] = words("admin.roles.no_priority")
    elif matter.own is not None and priority <= matter.own.priority:
        faults["priority"] = words("admin.roles.too_strong", own=matter.own.priority)
    return faults


async def written(pen: Pen, matter: Matter, form: Form) -> OwnWrite:
    """Made, or changed."""
    typed, kept = form.typed, {one for one in matter.held if not matter.is_open(one)}
    fields: Fields = {
        "name": typed["name"],
        "description": typed["description"] or None,
        "priority": int(typed["priority"]),
        "permissions": sorted(form.chosen | kept),
    }
    if matter.there is None:
        return await ranking.add_role(pen, fields)
    return await ranking.change_role(pen, matter.there.uri, fields, seen=form.seen or None)
