"""Who may call what: every call of the API, asked for as it should be, by everybody there is.

The moderator, the admin and the owner have the built-in roles of that name, the member has none, and who is banned was
a moderator.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

import pytest

from actors.agent import ForumAccount
from daemon.pool import Pool
from forum.permissions import BUILT_IN, NO_RIGHTS, may
from forum.records.names import BOARD, CATEGORY, ROLE, THEME
from tests.standins.account_server import AccountServer
from tests.support.forum import BOB, CAT, F, uri
from tests.web.whole_forum import ADMIN, BANNED, MAIN, MODERATOR, OWNER, SPARE, STATE, Scene, whole_forum
from web.described import ANYONE, CALLS, SIGNED_IN, Call

WHO: Final = {
    "anonymous": None, "member": CAT, "moderator": MODERATOR, "admin": ADMIN, "owner": OWNER, "banned": BANNED,
}  # fmt: skip

# The calls are made in this order, so that what one needs another one has not taken away.
STATUSES: Final[Mapping[str, tuple[int, ...]]] = {
    #                                               anonymous, member, moderator, admin, owner, banned
    "GET /api/openapi.json":                           (200, 200, 200, 200, 200, 200),
    "GET /api/docs":                                   (200, 200, 200, 200, 200, 200),
    "GET /api/health":                                 (200, 200, 200, 200, 200, 200),
    "GET /api/forum":                                  (200, 200, 200, 200, 200, 200),
    "GET /api/categories":                             (200, 200, 200, 200, 200, 200),
    "GET /api/categories/<category_id>":               (200, 200, 200, 200, 200, 200),
    "GET /api/categories/<category_id>/boards":        (200, 200, 200, 200, 200, 200),
    "GET /api/boards":                                 (200, 200, 200, 200, 200, 200),
    "GET /api/boards/<board_id>":                      (200, 200, 200, 200, 200, 200),
    "GET /api/boards/<board_id>/topics":               (200, 200, 200, 200, 200, 200),
    "GET /api/topics/<topic_id>":                      (200, 200, 200, 200, 200, 200),
    "GET /api/themes":                                 (200, 200, 200, 200, 200, 200),
    "GET /api/themes/<rkey>":                          (200, 200, 200, 200, 200, 200),
    "GET /api/theme-policy":                           (200, 200, 200, 200, 200, 200),

    "GET /api/auth/login":                             (303, 303, 303, 303, 303, 303),
    "GET /api/auth/callback":                          (303, 303, 303, 303, 303, 303),
    "GET /api/auth/session":                           (401, 200, 200, 200, 200, 200),
    "GET /api/auth/sessions":                          (401, 200, 200, 200, 200, 200),
    "DELETE /api/auth/sessions/<session_id>":          (401, 200, 200, 200, 200, 200),
    "POST /api/auth/logout":                           (401, 200, 200, 200, 200, 200),
    "GET /api/admin/members/me":                       (401, 200, 200, 200, 200, 200),
    "GET /api/admin/roles":                            (401, 200, 200, 200, 200, 200),

    "POST /api/topics":                                (401, 201, 201, 201, 201, 403),
    "POST /api/posts":                                 (401, 201, 201, 201, 201, 403),
    "PUT /api/posts/<post_id>":                        (401, 200, 200, 200, 200, 403),
    "DELETE /api/posts/<post_id>":                     (401, 200, 200, 200, 200, 200),  # one's own is one's own
    "POST /api/reports":                               (401, 201, 201, 201, 201, 403),

    "POST /api/mod/lock":                              (401, 403, 200, 200, 200, 403),
    "DELETE /api/mod/lock/<target>":                   (401, 403, 200, 200, 200, 403),
    "POST /api/mod/pin":                               (401, 403, 200, 200, 200, 403),
    "DELETE /api/mod/pin/<target>":                    (401, 403, 200, 200, 200, 403),
    "POST /api/mod/hide":                              (401, 403, 200, 200, 200, 403),
    "DELETE /api/mod/hide/<target>":                   (401, 403, 200, 200, 200, 403),
    "POST /api/mod/mute":                              (401, 403, 200, 200, 200, 403),
    "DELETE /api/mod/mute/<target>":                   (401, 403, 200, 200, 200, 403),
    "POST /api/mod/ban":                               (401, 403, 200, 200, 200, 403),
    "DELETE /api/mod/ban/<target>":                    (401, 403, 200, 200, 200, 403),
    "GET /api/admin/modlog":                           (401, 403, 200, 200, 200, 403),
    "GET /api/admin/reports":                          (401, 403, 200, 200, 200, 403),
    "POST /api/admin/reports/<report_id>/claim":       (401, 403, 200, 200, 200, 403),
    "DELETE /api/admin/reports/<report_id>/claim":     (401, 403, 200, 200, 200, 403),
    "POST /api/admin/reports/<report_id>/resolve":     (401, 403, 200, 200, 200, 403),

    "GET /api/admin/members":                          (401, 403, 403, 200, 200, 403),
    "POST /api/admin/members/<did>/role":              (401, 403, 403, 200, 200, 403),
    "POST /api/admin/roles":                           (401, 403, 403, 201, 201, 403),
    "PUT /api/admin/roles/<role_id>":                  (401, 403, 403, 200, 200, 403),
    "DELETE /api/admin/roles/<role_id>":               (401, 403, 403, 200, 200, 403),
    "POST /api/admin/categories":                      (401, 403, 403, 201, 201, 403),
    "PUT /api/admin/categories/<category_id>":         (401, 403, 403, 200, 200, 403),
    "DELETE /api/admin/categories/<category_id>":      (401, 403, 403, 200, 200, 403),
    "POST /api/admin/boards":                          (401, 403, 403, 201, 201, 403),
    "PUT /api/admin/boards/<board_id>":                (401, 403, 403, 200, 200, 403),
    "DELETE /api/admin/boards/<board_id>":             (401, 403, 403, 200, 200, 403),
    "GET /api/admin/themes":                           (401, 403, 403, 200, 200, 403),
    "POST /api/admin/themes":                          (401, 403, 403, 201, 201, 403),
    "PUT /api/admin/themes/<rkey>":                    (401, 403, 403, 200, 200, 403),
    "POST /api/admin/themes/<rkey>/duplicate":         (401, 403, 403, 201, 201, 403),
    "PUT /api/admin/theme-policy":                     (401, 403, 403, 200, 200, 403),
    "DELETE /api/admin/themes/<rkey>":                 (401, 403, 403, 200, 200, 403),

    "PUT /api/admin/forum":                            (401, 403, 403, 403, 200, 403),
    "GET /api/admin/actors":                           (401, 403, 403, 403, 200, 403),
    "GET /api/admin/audit":                            (401, 403, 403, 403, 200, 403),
    "POST /api/admin/backfill":                        (401, 403, 403, 403, 202, 403),
    "GET /api/admin/backfill":                         (401, 403, 403, 403, 200, 403),
    "GET /api/admin/backfill/<backfill_id>":           (401, 403, 403, 403, 200, 403),
    "GET /api/admin/backfill/<backfill_id>/errors":    (401, 403, 403, 403, 200, 403),
    "GET /api/admin/backfill/<backfill_id>/events":    (401, 403, 403, 403, 200, 403),
    "DELETE /api/admin/backfill/<backfill_id>":        (401, 403, 403, 403, 202, 403),
}  # fmt: skip

QUERIES: Final[Mapping[str, Mapping[str, str]]] = {
    "GET /api/auth/login": {"handle": "cat.example.org"},
    "GET /api/auth/callback": {"state": STATE, "code": "code", "iss": "https://cat.example.org"},
    "POST /api/admin/backfill": {"force": "full_sync"},
}

Json = dict[str, Any]  # JSON


@pytest.fixture
async def scene(database: Pool, account: ForumAccount, server: AccountServer) -> Scene:
    return await whole_forum(database, account, server)


def test_every_call_is_in_the_table() -> None:
    assert set(STATUSES) == set(CALLS)


@pytest.mark.slow
@pytest.mark.parametrize("who", WHO)
async def test_who_may(scene: Scene, who: str) -> None:
    """All calls by one of them; who may do nothing as the forum has written nothing as the forum."""
    column = list(WHO).index(who)
    found = {route: await status_of(scene, route, WHO[who]) for route in STATUSES}
    assert found == {route: statuses[column] for route, statuses in STATUSES.items()}
    assert (scene.server.written != []) == (who in ("moderator", "admin", "owner"))


@pytest.mark.parametrize("route", STATUSES)
def test_the_table_is_as_the_description_says(route: str) -> None:
    """Built-in roles let pass whom the description names, and a ban takes the role away."""
    call = CALLS[route]
    for who, status in zip(WHO, STATUSES[route], strict=True):
        assert status in said_of(call, who), who


def said_of(call: Call, who: str) -> Collection[int]:
    """What one of them is answered, by the description."""
    if call.who == (ANYONE,):
        return call.answers
    if who == "anonymous":
        return {401}
    if call.who == (SIGNED_IN,):
        return {*call.answers, *({403} & {*call.refuses} if who == "banned" else ())}
    rights = NO_RIGHTS if who == "banned" else BUILT_IN[who.capitalize()]
    return call.answers if any(may(rights, permission) for permission in call.who) else {403}


async def status_of(scene: Scene, route: str, did: str | None) -> int:
    """Of the call, asked for so that it succeeds for who may."""
    async with scene.client(did) as client:
        ids = await scene.ids(did)
        method, rule = route.split()
        path, body = path_of(rule, ids), bodies(ids).get(route)
        response = await client.request(method, path, params=QUERIES.get(route), json=body)
    if response.status_code == 401:
        assert response.json()["error"] == "Authentication required"
    return response.status_code


def path_of(rule: str, ids: Mapping[str, str]) -> str:
    """The rule, filled in with what nothing else hangs on."""
    subjects = {"ban": BOB, "mute": BOB, "lock": ids["quiet_topic"], "pin": ids["quiet_topic"], "hide": ids["reply"]}
    filled = {
        "<category_id>": ids["category"],
        "<board_id>": ids["board"],
        "<topic_id>": ids["topic"],
        "<post_id>": ids["own"],
        "<session_id>": ids["session"],
        "<backfill_id>": ids["job"],
        "<role_id>": ids["role"],
        "<report_id>": ids["report"],
        "<did>": BOB,
        "<rkey>": uri(F, SPARE, THEME).rpartition("/")[2],
        "<target>": subjects.get(rule.removeprefix("/api/mod/").partition("/")[0], ""),
    }
    for name, value in filled.items():
        rule = rule.replace(name, value)
    return rule


def bodies(ids: Mapping[str, str]) -> Mapping[str, Json]:
    """What each call takes."""
    reason, named, light = {"reason": "Off topic"}, {"name": "New"}, {"colorScheme": "light", "tokens": {}}
    member, on_topic = {"targetDid": BOB, **reason}, {"topicId": ids["quiet_topic"], **reason}
    theme = {"uri": uri(F, MAIN, THEME)}
    return {
        "POST /api/topics": {"title": "New", "text": "New", "boardUri": uri(F, MAIN, BOARD)},
        "POST /api/posts": {"text": "New", "rootPostId": ids["topic"], "parentPostId": ids["reply"]},
        "PUT /api/posts/<post_id>": {"text": "New"},
        "POST /api/reports": {"postId": ids["reply"], **reason},
        "POST /api/admin/reports/<report_id>/resolve": {"outcome": "dismiss"},
        "POST /api/mod/ban": member,
        "POST /api/mod/mute": member,
        "POST /api/mod/lock": on_topic,
        "POST /api/mod/pin": on_topic,
        "POST /api/mod/hide": {"postId": ids["reply"], **reason},
        **{route: reason for route in CALLS if route.startswith("DELETE /api/mod/")},
        "POST /api/admin/members/<did>/role": {"roleUri": uri(F, 30, ROLE)},
        "POST /api/admin/roles": {**named, "permissions": [], "priority": 40},
        "PUT /api/admin/roles/<role_id>": {"priority": 41},
        "PUT /api/admin/forum": named,
        "POST /api/admin/categories": named,
        "PUT /api/admin/categories/<category_id>": named,
        "POST /api/admin/boards": {**named, "categoryUri": uri(F, MAIN, CATEGORY)},
        "PUT /api/admin/boards/<board_id>": named,
        "POST /api/admin/themes": {**named, **light},
        "PUT /api/admin/themes/<rkey>": named,
        "PUT /api/admin/theme-policy": {
            "availableThemes": [theme], "defaultLightTheme": theme, "defaultDarkTheme": theme, "allowUserChoice": True,
        },
    }  # fmt: skip
