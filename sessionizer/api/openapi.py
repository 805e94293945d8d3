"""The OpenAPI 3.1 document, made from the types. A copy is committed as docs/openapi.json; a test keeps it fresh.

Write it anew with `python -m sessionizer.api.openapi > docs/openapi.json`.
"""

import functools
import sys
from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, Any

import msgspec

from sessionizer.api.operations import OPERATIONS, WRITE_KEY, Operation, Parameter
from sessionizer.api.problems import ProblemReason

SECURITY_SCHEMES: dict[str, dict[str, str]] = {
    "apiKey": {"type": "http", "scheme": "bearer", "description": "The API key, a server's secret."},
    "apiKeyBasic": {"type": "http", "scheme": "basic", "description": "The API key as the user, without a password."},
    "writeKeyBasic": {"type": "http", "scheme": "basic", "description": "A write key or a server key as the user."},
    "writeKeyQuery": {
        "type": "apiKey",
        "in": "query",
        "name": "writeKey",
        "description": "A write key; no server key.",
    },
}

TAGS = {
    "ingest": "Sending events.",
    "profiles": "Reading people.",
    "facts": "Following what happens.",
    "exports": "Reading everything.",
    "segment": "Reading people in the shape of Segment's Profile API.",
    "operations": "Running the server.",
}


class ProblemBody(msgspec.Struct, frozen=True, kw_only=True):
    """How every failure is answered (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    reason: Annotated[str, msgspec.Meta(examples=[each.value for each in ProblemReason])]
    """For reads one of the examples; for ingest one of the reasons of docs/protocol.md."""


@functools.cache
def document() -> bytes:
    """The document as JSON, the same bytes every time."""
    return msgspec.json.format(msgspec.json.encode(_assembled()), indent=2) + b"\n"


def _assembled() -> dict[str, Any]:
    types = [type_ for each in OPERATIONS for type_ in (each.body, each.answer) if type_ is not None]
    template = "#/components/schemas/{name}"
    schemas, components = msgspec.json.schema_components([*types, ProblemBody], ref_template=template)
    *of_operations, of_problem = schemas
    schema_of = dict(zip(map(repr, types), of_operations, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for each in OPERATIONS:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, schema_of, of_problem)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ariane",
            "version": version("ariane"),
            "summary": "From clicks to customers you know.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": SECURITY_SCHEMES},
    }


def _operation(operation: Operation, schema_of: dict[str, Any], problem: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "security": [{name: []} for name in operation.keys],
        "responses": _responses(operation, schema_of, problem),
    }
    if operation.description:
        shown["description"] = operation.description
    if operation.parameters:
        shown["parameters"] = [_parameter(each) for each in operation.parameters]
    if operation.body is not None:
        schema = schema_of[repr(operation.body)]
        media = ("application/json", "text/plain") if operation.keys == WRITE_KEY else ("application/json",)
        shown["requestBody"] = {"required": True, "content": {each: {"schema": schema} for each in media}}
    return shown


def _responses(operation: Operation, schema_of: dict[str, Any], problem: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "string"} if operation.answer is None else schema_of[repr(operation.answer)]
    ok = {"description": HTTPStatus.OK.phrase, "content": {operation.media: {"schema": schema}}}
    responses: dict[str, Any] = {"200": ok}
    if operation.gives_position:
        text = "Where the log stands with what this request stored; send it back as After-Position."
        responses["200"]["headers"] = {"Log-Position": {"description": text, "schema": {"type": "string"}}}
    for status in operation.problems:
        content = {"application/problem+json": {"schema": problem}}
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": content}
    return responses


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "description": parameter.description,
        "required": parameter.where == "path",
        "schema": dict(parameter.schema),
    }


if __name__ == "__main__":
    sys.stdout.buffer.write(document())
