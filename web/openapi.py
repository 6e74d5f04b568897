"""The API's own description: OpenAPI 3.1 at `/api/openapi.json`, and the same as a page at `/api/docs`.

Paths and methods are read from the app when it is asked; what they take and answer is in `described.py`.
"""

import re
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
from markupsafe import Markup
from quart import Quart, Response

from web.answers import answer
from web.api_types import Error
from web.described import ANYONE, CALLS, SIGNED_IN, Call
from web.signed_in import COOKIE

Json = dict[str, Any]  # Any: JSON

ROW = Markup("<h2><code>{} {}</code></h2><p>{} For {}.</p><p>Answers {}.</p>{}")
PAGE = Markup(
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<title>API</title><h1>API</h1><p>As <a href="/api/openapi.json">OpenAPI</a>.</p>{}</html>'
)


def add_openapi(app: Quart) -> None:
    for rule, handler in (("/api/openapi.json", show_document), ("/api/docs", show_docs)):
        app.add_url_rule(rule, endpoint=rule, view_func=partial(handler, app))


async def show_document(app: Quart) -> Response:
    return answer(document(app))


async def show_docs(app: Quart) -> Response:
    rows = (row(path, method, said) for path, calls in document(app)["paths"].items() for method, said in calls.items())
    return Response(PAGE.format(Markup().join(rows)), content_type="text/html; charset=utf-8")


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
    types = [Error, *{kind: None for _, _, call in known for kind in (*call.answers.values(), call.body) if kind}]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    by_type = dict(zip(map(str, types), schemas, strict=True))
    paths: Json = {}
    for method, rule, call in known:
        operation = operation_of(rule, call, by_type)
        paths.setdefault(re.sub(r"<(\w+)>", r"{\1}", rule), {})[method.lower()] = operation
    cookie = {"type": "apiKey", "in": "cookie", "name": COOKIE}
    return {
        "openapi": "3.1.0",
        "info": {"title": "atbb", "version": "1"},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"session": cookie}},
    }


def operation_of(rule: str, call: Call, schemas: Json) -> Json:
    names = [*(("path", name) for name in re.findall(r"<(\w+)>", rule)), *(("query", name) for name in call.query)]
    told: Json = {
        "summary": call.says,
        "x-permissions": list(call.who),
        "parameters": [parameter(where, name) for where, name in names],
        "responses": {str(status): response(status, schemas.get(str(kind))) for status, kind in call.answers.items()},
    }
    if call.who != (ANYONE,):
        told["security"] = [{"session": []}]
    refused = {*call.refuses, *asks_for(call)}
    told["responses"] |= {str(status): response(status, schemas[str(Error)]) for status in sorted(refused)}
    told["responses"]["default"] = {**response(500, schemas[str(Error)]), "description": "Any other refusal"}
    if call.body is not None:
        told["requestBody"] = {"required": True, **content(schemas[str(call.body)])}
    return told


def asks_for(call: Call) -> set[int]:
    """How who may not is refused."""
    return set() if call.who == (ANYONE,) else {401} if call.who == (SIGNED_IN,) else {401, 403}


def parameter(where: str, name: str) -> Json:
    schema = {"type": "integer", "minimum": 0} if name in ("limit", "offset") else {"type": "string"}
    return {"name": name, "in": where, "required": where == "path", "schema": schema}


def response(status: int, schema: Json | None) -> Json:
    told: Json = {"description": HTTPStatus(status).phrase}
    return told if schema is None else told | content(schema)


def content(schema: Json) -> Json:
    return {"content": {"application/json": {"schema": schema}}}


def row(path: str, method: str, said: Json) -> Markup:
    """One call for people."""
    names = [f"{one['name']} ({one['in']})" for one in said["parameters"]]
    takes = Markup("<p>Takes {}.</p>").format(", ".join(names)) if names else ""
    who = " or ".join(said["x-permissions"])
    return ROW.format(method.upper(), path, said["summary"], who, ", ".join(said["responses"]), takes)
