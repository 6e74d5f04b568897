"""The form of a category or a board: what stands in it, what is wrong with that, and what is written of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup

from forum.forum_records import Fields
from forum.ordering import LARGEST, Placed, number_at_end
from forum.own_writes import OwnWrite, Record
from forum.reads.structure import Board, Category, Sibling, Structure
from forum.records.names import BOARD, CATEGORY
from web import arranging
from web.forum_writing import Pen
from web.pages import links
from web.pages.admin.forms import Form, Shown, faults_in_texts, texts_of
from web.pages.showing import asked_words
from web.params import whole

PATH: Final = "/admin/structure"
TEXTS: Final = ("name", "description", "slug")
FIELDS: Final = (*TEXTS, "order", "category")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Categories or boards: the word for one of them, its records, and where its pages are."""

    word: str
    collection: str
    path: str


CATEGORIES: Final = Kind(word="category", collection=CATEGORY, path=f"{PATH}/categories")
BOARDS: Final = Kind(word="board", collection=BOARD, path=f"{PATH}/boards")


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What a form is about: one of its kind, among all there is. `there` is None where it is new, or not known yet."""

    kind: Kind
    rkey: str | None
    structure: Structure = field(default_factory=Structure)
    there: Category | Board | None = None

    @property
    def path(self) -> str:
        return f"{self.kind.path}/{self.rkey or links.NEW}"

    def category(self, typed: Shown) -> Category | None:
        """The one that is chosen for a board."""
        return next((one for one in self.structure.categories if one.rkey == typed["category"]), None)


def shown(there: Category | Board) -> Shown:
    """What is there, as the form has it."""
    category = there.category_uri.rpartition("/")[2] if isinstance(there, Board) else ""
    texts = {"name": there.name, "description": there.description or "", "slug": there.slug or ""}
    return {**texts, "order": str(there.sort_order), "category": category}


def shown_in(record: Record) -> Shown:
    """The same of the record itself."""
    category = record["category"]["category"]["uri"].rpartition("/")[2] if "category" in record else ""
    return {**texts_of(record, *TEXTS), "order": str(record.get("sortOrder", 0)), "category": category}


def faults_in(matter: Matter, typed: Shown) -> dict[str, Markup]:
    """What can be mended before anything is sent, by field."""
    words, faults = asked_words(), faults_in_texts(typed)
    slug, order = typed["slug"], typed["order"]
    if slug and slug != (matter.there and matter.there.slug) and not links.is_slug(slug):
        faults["slug"] = words("admin.structure.bad_slug")
    if order and ((number := whole(order)) is None or number > LARGEST):
        faults["order"] = words("admin.form.no_number")
    if matter.kind is BOARDS and matter.category(typed) is None:
        faults["category"] = words("admin.structure.no_category")
    return faults


async def written(pen: Pen, matter: Matter, form: Form) -> OwnWrite:
    """Made, or changed."""
    category, seen = matter.category(form.typed), form.seen or None
    fields = fields_of(matter, form.typed)
    match matter.there:
        case Category(uri=uri):
            return await arranging.change_category(pen, uri, fields, seen=seen)
        case Board(uri=uri) as there:
            place = category.uri if category and category.uri != there.category_uri else None
            return await arranging.change_board(pen, uri, fields, category_uri=place, seen=seen)
    if category is not None:
        return await arranging.add_board(pen, fields, category_uri=category.uri)
    return await arranging.add_category(pen, fields)


def fields_of(matter: Matter, typed: Shown) -> Fields:
    """An order that was not touched stays, but for a board that moves: it stands last where it comes to."""
    there, category, order = matter.there, matter.category(typed), typed["order"]
    fields: Fields = {name: typed[name] or None for name in TEXTS}
    is_same = there is not None and order == str(there.sort_order)
    moves = isinstance(there, Board) and category is not None and category.uri != there.category_uri
    if is_same and not moves:
        return fields
    others = matter.structure.categories if category is None else category.boards
    return {**fields, "sortOrder": number_at_end(placed(others, there)) if is_same or not order else int(order)}


def placed(siblings: Sequence[Sibling], there: Sibling | None) -> list[Placed]:
    """All but the one that is there."""
    return [Placed(one.uri, one.sort_order) for one in siblings if there is None or one.uri != there.uri]
