"""The API's description names every call and no other, and answers are as it says."""

import inspect
from functools import partial

import httpx
import msgspec
import pytest

from actors.agent import ForumAccount
from actors.health import Board
from daemon.pool import Pool
from forum import permissions
from tests.standins.account_server import AccountServer
from tests.web.forum_rows import SITE, AwayDatabase, client_of, inner_app
from tests.web.staff import OWNER, Scene, staffed
from web.acting import Kind
from web.app import make_app
from web.described import ANYONE, CALLS, SIGNED_IN
from web.openapi import is_json, routes

READS = sorted(route for route, call in CALLS.items() if route.startswith("GET ") and is_json(call.answers.get(200)))
ALL = {permission for call in CALLS.values() for permission in call.who}
FOR_SOME = sorted(route for route, call in CALLS.items() if call.who != (ANYONE,))


@pytest.fixture
async def scene(database: Pool, account: ForumAccount, server: AccountServer) -> Scene:
    return await staffed(database, account, server)


def test_every_route_is_described() -> None:
    """And everything described is a route."""
    app = inner_app()
    assert {f"{method} {rule}" for method, rule in routes(app)} == set(CALLS)


def test_every_path_parameter_reaches_its_handler() -> None:
    """What the description calls a parameter is what the handler takes."""
    app = inner_app()
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if rule.rule.startswith("/api/") and isinstance(view, partial):
            assert rule.arguments <= set(inspect.signature(view).parameters)


def test_permissions_are_those_the_handlers_ask_for() -> None:
    """A handler names them in its own text; those of moderation are their kind's."""
    app = inner_app()
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if not rule.rule.startswith(("/api/admin/", "/api/mod/")) or not isinstance(view, partial):
            continue
        kinds = {arg.permission for arg in view.args if isinstance(arg, Kind)}
        named = {getattr(permissions, name, None) for name in view.func.__code__.co_names} & ALL
        [method] = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        assert set(CALLS[f"{method} {rule.rule}"].who) == (kinds | named or {SIGNED_IN}), rule.rule


async def test_document_and_page() -> None:
    """Both without the database, and every reference leads somewhere."""
    async with client_of(make_app(AwayDatabase(), Board(), SITE)) as client:
        told, page = await client.get("/api/openapi.json"), await client.get("/api/docs")
    assert told.headers["content-type"] == "application/json"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    document = told.json()
    assert all(f"{path}</code>" in page.text for path in document["paths"])
    assert "boardUri (body)" in page.text
    names = set(msgspec.json.encode(document).decode().split('"#/components/schemas/')[1:])
    assert {name.split('"')[0] for name in names} <= set(document["components"]["schemas"])


@pytest.mark.parametrize("route", FOR_SOME)
async def test_who_is_not_signed_in_is_refused(route: str) -> None:
    """Wherever the description asks for a session."""
    method, rule = route.split()
    async with client_of(make_app(AwayDatabase(), Board(), SITE)) as client:
        response = await client.request(method, rule.replace("<", "").replace(">", ""), json={})
    assert response.status_code == 401


async def test_answers_are_as_described(scene: Scene) -> None:
    """Each list and each thing of a small forum, with no field too many and none too few."""
    async with scene.signed_in(OWNER) as client:
        for word in ("lock", "pin"):
            body = {"topicId": scene.topic_id, "reason": "Tidy"}
            check(f"POST /api/mod/{word}", await client.post(f"/api/mod/{word}", json=body))
        ids = {name: await first_id(client, name) for name in ("categories", "boards")}
        given = {"category_id": ids["categories"], "board_id": ids["boards"], "topic_id": scene.topic_id}
        for route in READS:
            rule = route.removeprefix("GET ")
            for name, value in given.items():
                rule = rule.replace(f"<{name}>", value)
            if "<" not in rule:
                check(route, await client.get(rule))


async def first_id(client: httpx.AsyncClient, name: str) -> str:
    found = (await client.get(f"/api/{name}")).json()[name]
    return str(found[0]["id"]) if found else "1"


def check(route: str, response: httpx.Response) -> None:
    """A status that is described, and a body of just the type it has there."""
    call = CALLS[route]
    assert response.headers["content-type"] == "application/json"
    if response.status_code in call.refuses:
        assert set(response.json()) == {"error"}
        return
    kind = call.answers[response.status_code]
    body = response.json()
    assert msgspec.convert(body, kind) == body, route
