"""Forms of the panel in which people type: what stands in them, what hinders it, and how they come back with all of it.

A form knows which version it changes. If there is another one by then, it comes back with that beside it; who sends it
once more means it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from markupsafe import Markup
from quart import request

from actors.agent import ForumAccount
from forum.own_writes import Record
from web.forum_writing import Changed, record_at
from web.pages.admin.panel import told_of
from web.pages.composing import fault_of
from web.pages.refusals import FORESEEN, Refusal
from web.pages.showing import asked_words

# In graphemes, as the lexicons have it.
LONGEST_NAME: Final = 100
LONGEST_FORUM_NAME: Final = 300
LONGEST_DESCRIPTION: Final = 300

Shown = Mapping[str, str]  # what stands in each field


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """`chosen` are the boxes that are ticked, `seen` is the version that is changed, by its CID, and `current` another
    one that is there by now.
    """

    typed: Shown
    chosen: frozenset[str] = frozenset()
    seen: str = ""
    faults: Mapping[str, Markup] = field(default_factory=dict)
    refusal: Refusal | None = None
    current: Shown | None = None

    @property
    def status(self) -> int:
        return 400 if self.faults else 200 if self.refusal is None else self.refusal.status


async def asked_form(*fields: str) -> Form:
    """What was sent."""
    form = await request.form
    typed = {name: form.get(name, "").replace("\r\n", "\n").strip() for name in fields}
    return Form(typed=typed, chosen=frozenset(form.getlist("chosen")), seen=form.get("seen", ""))


async def again(
    form: Form, error: Exception, account: ForumAccount, uri: str, shown: Callable[[Record], Shown]
) -> Form:
    """The form with what hindered it, and with what is there now if that is what did."""
    refusal = await told_of(error)
    try:
        found = await record_at(account, uri) if isinstance(error, Changed) else None
    except FORESEEN:
        found = None
    if found is None:
        return replace(form, refusal=refusal)
    refusal = replace(refusal, said=asked_words()("admin.form.changed"))
    return replace(form, refusal=refusal, seen=found.cid or "", current=shown(found.record or {}))


def texts_of(record: Record, *names: str) -> dict[str, str]:
    return {name: str(record.get(name, "")) for name in names}


def faults_in_texts(typed: Shown, *, longest_name: int = LONGEST_NAME) -> dict[str, Markup]:
    """What is wrong with the name or the description."""
    faults = {
        "name": fault_of(typed["name"], asked_words()("admin.form.no_name"), longest_name),
        "description": fault_of(typed["description"], None, LONGEST_DESCRIPTION),
    }
    return {name: fault for name, fault in faults.items() if fault is not None}
