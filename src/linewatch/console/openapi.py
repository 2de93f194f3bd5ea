"""The OpenAPI 3.1 document, made from the same table as the routes."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec

from linewatch import __version__
from linewatch.console.access import COOKIE, CSRF_HEADER
from linewatch.console.endpoint import Endpoint
from linewatch.console.problem import MEDIA_TYPE, ProblemDocument

_REF: Final = "#/components/schemas/{name}"
_PART: Final = re.compile(r"\{(\w+)\}")


def document_of(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The document as plain values."""
    types = [kind for each in endpoints for kind in (each.answer, each.body) if kind is not None]
    schemas, components = msgspec.json.schema_components([*types, ProblemDocument], ref_template=_REF)
    named = dict(zip(map(repr, [*types, ProblemDocument]), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for each in endpoints:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, named)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Linewatch console",
            "version": __version__,
            "description": "Read what goes on along the line, and act on it. Times are milliseconds since 1970 UTC.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(endpoint: Endpoint, named: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "parameters": [*_path_parts(endpoint), *_query(endpoint), *_headers(endpoint)],
        "responses": {**_answer(endpoint, named), **_problems(endpoint, named)},
    }
    if endpoint.body is not None:
        content = {"application/json": {"schema": named[repr(endpoint.body)]}}
        operation["requestBody"] = {"required": True, "content": content}
    operation["security"] = [{"session": []}, {"token": []}] if endpoint.roles else []
    if endpoint.roles:
        operation["description"] = f"For the roles {', '.join(sorted(endpoint.roles))}."
    return operation


def _path_parts(endpoint: Endpoint) -> list[dict[str, Any]]:
    schema = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[A-Za-z0-9._-]+$"}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in _PART.findall(endpoint.path)]


def _query(endpoint: Endpoint) -> list[dict[str, Any]]:
    if endpoint.query is None:
        return []
    (_,), components = msgspec.json.schema_components([endpoint.query], ref_template=_REF)
    properties = components[endpoint.query.__name__]["properties"]
    required = components[endpoint.query.__name__].get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _no_null(schema)}
        for name, schema in properties.items()
    ]


def _no_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that is left out is left out; in a query there is no null."""
    kinds = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    kept = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    default = {"default": schema["default"]} if schema.get("default") is not None else {}
    return {**(kinds[0] if kinds else {}), **kept, **default}


def _headers(endpoint: Endpoint) -> list[dict[str, Any]]:
    if endpoint.method == "GET" or not endpoint.roles:
        return []
    text = "Repeats `csrf` of /api/me where a session is used; not needed with a token."
    return [{"name": CSRF_HEADER, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}]


def _answer(endpoint: Endpoint, named: dict[str, Any]) -> dict[str, Any]:
    if endpoint.answer is not None:
        content = {endpoint.media_type: {"schema": named[repr(endpoint.answer)]}}
        return {"200": {"description": endpoint.summary, "content": content}}
    if endpoint.media_type != "application/json":
        return {"200": {"description": endpoint.summary, "content": {endpoint.media_type: {}}}}
    return {"204": {"description": "Done"}}


def _problems(endpoint: Endpoint, named: dict[str, Any]) -> dict[str, Any]:
    statuses = {400, 413, *endpoint.problems}
    if endpoint.roles:
        statuses |= {401, 403}
    if endpoint.body is not None:
        statuses |= {415, 422}
    content = {MEDIA_TYPE: {"schema": named[repr(ProblemDocument)]}}
    return {str(status): {"description": HTTPStatus(status).phrase, "content": content} for status in sorted(statuses)}
