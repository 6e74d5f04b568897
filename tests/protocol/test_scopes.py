"""Scopes by what they allow: however a permission is written, and however its server writes it back."""

from random import Random
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.protocol.oauth import SCOPE
from forum.protocol.scopes import ACTIONS, rights_of, withheld

POST, OTHER = "space.atbb.post", "space.atbb.reaction"
ALL = frozenset((POST, action) for action in ACTIONS)

rights = st.sets(st.tuples(st.sampled_from([POST, OTHER, "a.b.c"]), st.sampled_from(ACTIONS)))


@pytest.mark.parametrize(
    "scope",
    [
        f"repo:{POST}",
        f"repo:{POST}?action=create&action=update&action=delete",
        f"repo:{POST}?action=delete&action=create&action=update&action=create",
        f"repo?collection={POST}",
        f"repo?collection={POST}&collection={POST}",
        f"repo?action=update&collection={POST}&action=create&action=delete",
        f"repo:{quote(POST, safe='').replace('.', '%2E')}",
        f"repo:{POST}?",
    ],
)
def test_one_meaning(scope: str) -> None:
    assert rights_of(scope) == ALL
    assert withheld(scope, f"repo:{POST}") == []
    assert withheld(f"repo:{POST}", scope) == []


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "repo",
        "repo:",
        "repo?",
        "repo?action=create",
        "repo:space.atbb.*",
        f"Repo:{POST}",
        f"repos:{POST}",
        f"repo:{POST}?action=read",
        f"repo:{POST}?action=create&action=",
        f"repo:{POST}?collection={OTHER}",
        f"repo:{POST}?x=1",
        f"repo?collection={POST}&collection=nowhere",
        f"rpc:{POST}",
        f"include:{POST}",
        "blob:*/*",
        "atproto",
        f"repo:{POST}?" + "action=create&" * 1000,
    ],
)
def test_no_meaning(scope: str) -> None:
    """What no server would understand, or is about something else, gives no right to any record."""
    assert rights_of(scope) == frozenset()
    assert withheld(f"repo:{POST}", f"atproto {scope}") == [f"repo:{POST}"]


@pytest.mark.parametrize("granted", ["repo:*", "repo?collection=*", "transition:generic", f"repo:{POST} repo:*"])
def test_covered(granted: str) -> None:
    assert withheld(f"repo:{POST} repo:{OTHER}?action=delete", granted) == []


def test_named_in_part() -> None:
    """What is missing is named as it would be asked for."""
    granted = f"atproto repo:{POST}?action=create repo:*?action=delete"
    assert withheld(f"atproto repo:{POST} repo:{OTHER}", granted) == [
        f"repo:{POST}?action=update",
        f"repo:{OTHER}?action=create&action=update",
    ]
    assert withheld("repo:*", granted) == ["repo:*?action=create&action=update"]


def test_ours() -> None:
    """`atproto` itself is never implied."""
    assert withheld(SCOPE, SCOPE) == []
    assert withheld(SCOPE, "transition:generic") == ["atproto"]
    assert withheld(SCOPE, "atproto transition:generic") == []
    assert withheld(SCOPE, "") == SCOPE.split()


@given(rights, rights, st.randoms())
def test_any_writing(asked: set[tuple[str, str]], granted: set[tuple[str, str]], random: Random) -> None:
    """Exactly the difference of two sets of rights, in whatever scopes they are written."""

    def any_scopes(rights: set[tuple[str, str]]) -> str:
        one_by_one = [f"repo:{name}?action={action}" for name, action in rights]
        other = [f"repo?action={action}&collection={name}" for name, action in rights]
        scopes = [random.choice(pair) for pair in zip(one_by_one, other, strict=True)]
        random.shuffle(scopes)
        return " ".join(scopes)

    missing = withheld(any_scopes(asked), any_scopes(granted))
    assert {right for scope in missing for right in rights_of(scope)} == asked - granted


@given(st.text(max_size=80), st.text(max_size=80))
def test_garbage(asked: str, granted: str) -> None:
    """Nothing raises, and all covers itself."""
    withheld(asked, granted)
    assert withheld(asked, asked) == []
