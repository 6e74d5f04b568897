"""The API's own description: OpenAPI 3.1 at `/api/openapi.json`, and the same as a page at `/api/docs`.

Paths and methods are read from the app when it is asked; what they take and answer is in `described.py`.
"""

import re
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
from markupsafe import Markup
from quart import Quart, Response

from web.answers import answer
from web.api_types import Error
from web.api_words import Did, Id
from web.described import ANYONE, CALLS, SIGNED_IN, Call, Media
from web.signed_in import COOKIE

Json = dict[str, Any]  # Any: JSON

ROW = Markup("<h2><code>{} {}</code></h2><p>{} For {}.</p><p>Answers {}.</p>{}")
PAGE = Markup(
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<title>API</title><h1>API</h1><p>{}</p><p>As <a href="/api/openapi.json">OpenAPI</a>.</p>{}</html>'
)


ABOUT = (
    "Ids are whole numbers of 64 bits, written as strings. A refusal says why in one sentence. What changes something"
    " is refused when a browser says that another site asks for it."
)


HEADERS = {303: "Location", 304: "ETag", 429: "Retry-After"}


def add_openapi(app: Quart) -> None:
    for rule, handler in (("/api/openapi.json", show_document), ("/api/docs", show_docs)):
        app.add_url_rule(rule, endpoint=rule, view_func=partial(handler, app))


async def show_document(app: Quart) -> Response:
    return answer(document(app))


async def show_docs(app: Quart) -> Response:
    told = document(app)
    bodies = told["components"]["schemas"]
    rows = (row(path, method, said, bodies) for path, calls in told["paths"].items() for method, said in calls.items())
    return Response(PAGE.format(ABOUT, Markup().join(rows)), content_type="text/html; charset=utf-8")


def routes(app: Quart) -> list[tuple[str, str]]:
    """Method and rule of all below /api."""
    return [
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def document(app: Quart) -> Json:
    """What is not in the table stays out; a test sees to it that nothing is."""
    known = [(method, rule, CALLS[f"{method} {rule}"]) for method, rule in routes(app) if f"{method} {rule}" in CALLS]
    types = [
        Error,
        *{kind: None for _, _, call in known for kind in (*call.answers.values(), call.body) if is_json(kind)},
    ]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    by_type = dict(zip(map(str, types), schemas, strict=True))
    paths: Json = {}
    for method, rule, call in known:
        operation = operation_of(method, rule, call, by_type)
        paths.setdefault(re.sub(r"<(\w+)>", r"{\1}", rule), {})[method.lower()] = operation
    cookie = {"type": "apiKey", "in": "cookie", "name": COOKIE}
    return {
        "openapi": "3.1.0",
        "info": {"title": "atbb", "version": "1", "description": ABOUT},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"session": cookie}},
    }


def operation_of(method: str, rule: str, call: Call, schemas: Json) -> Json:
    told: Json = {
        "summary": call.says,
        "x-permissions": list(call.who),
        "parameters": parameters(rule, call),
        "responses": {str(status): response(status, kind, schemas) for status, kind in call.answers.items()},
    }
    if call.who != (ANYONE,):
        told["security"] = [{"session": []}]
    for status in sorted(refused(method, call) - call.answers.keys()):
        told["responses"][str(status)] = response(status, Error, schemas)
    if call.body is not None:
        told["requestBody"] = {"required": True, **content("application/json", schemas[str(call.body)])}
    return told


def refused(method: str, call: Call) -> set[int]:
    """How a call can be refused: by its own words, and for what all of its kind are."""
    who = set() if call.who == (ANYONE,) else {401} if call.who == (SIGNED_IN,) else {401, 403}
    from_elsewhere = set() if method == "GET" else {403}
    body = set() if call.body is None else {400, 408, 413}
    database = set() if call.alone else {503}
    return {*call.refuses} | who | from_elsewhere | body | database


def parameters(rule: str, call: Call) -> list[Json]:
    """Of the path, the query and the header; those that end in _id are ids."""
    path = {name: call.path.get(name, kind_of(name)) for name in re.findall(r"<(\w+)>", rule)}
    return [
        {
            "name": name,
            "in": where,
            "required": where == "path" or name in call.needs,
            "schema": msgspec.json.schema(kind),
        }
        for where, kinds in (("path", path), ("query", call.query), ("header", call.headers))
        for name, kind in kinds.items()
    ]


def kind_of(name: str) -> object:
    return Id if name.endswith("_id") else Did if name == "did" else str


def is_json(kind: object) -> bool:
    return kind is not None and not isinstance(kind, Media)


def response(status: int, kind: object, schemas: Json) -> Json:
    told: Json = {"description": HTTPStatus(status).phrase}
    if status in HEADERS:
        told["headers"] = {HEADERS[status]: {"required": True, "schema": {"type": "string"}}}
    if isinstance(kind, Media):
        return told | content(kind.type, kind.schema)
    return told if kind is None else told | content("application/json", schemas[str(kind)])


def content(media: str, schema: Mapping[str, Any]) -> Json:
    return {"content": {media: {"schema": schema}}}


def row(path: str, method: str, said: Json, bodies: Json) -> Markup:
    """One call for people."""
    names = [f"{one['name']} ({one['in']})" for one in said["parameters"]]
    names += [f"{name} (body)" for name in fields_of(said, bodies)]
    takes = Markup("<p>Takes {}.</p>").format(", ".join(names)) if names else ""
    who = " or ".join(said["x-permissions"])
    return ROW.format(method.upper(), path, said["summary"], who, ", ".join(said["responses"]), takes)


def fields_of(said: Json, bodies: Json) -> list[str]:
    """The names in what a call's body is to be."""
    if "requestBody" not in said:
        return []
    where = said["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    return list(bodies[where.rpartition("/")[2]]["properties"])
