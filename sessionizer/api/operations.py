"""Every endpoint as the OpenAPI document lists it: what it takes, what it answers, which key it needs, how it fails."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from sessionizer.api import ingest_shapes as ingest
from sessionizer.api import segment_shapes as segment
from sessionizer.api.dry_runs import DryRunRequest
from sessionizer.api.exports import EXPORTS
from sessionizer.api.facts import MAX_WAIT_S
from sessionizer.api.health import Health, Readiness
from sessionizer.api.parameters import DEFAULT_LIMIT, MAX_LIMIT
from sessionizer.api.retractions import RetractionAnswer, RetractionRequest
from sessionizer.api.segment_profiles import DEFAULT_LIMIT as SEGMENT_LIMIT
from sessionizer.eraser import Receipt
from sessionizer.views import FACT_TYPES, DryRun, Fact, Identity, Profile, ProfilePage, SessionPage, Timeline

JSON = "application/json"
SEGMENT = "/v1/spaces/{space}/collections/users/profiles/{who}"

API_KEY = ("apiKey", "apiKeyBasic")
WRITE_KEY = ("writeKeyBasic", "writeKeyQuery")
"""Names of security schemes; any one of them will do."""


class Parameter(msgspec.Struct, frozen=True):
    """A parameter in the path, the query or a header, and its JSON schema."""

    name: str
    where: str
    description: str
    schema: Mapping[str, Any] = MappingProxyType({"type": "string"})


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path."""

    method: str = "GET"
    path: str
    id: str
    tag: str
    summary: str
    description: str = ""
    keys: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    body: Any = None
    """The type of the request's body; None: it has none."""
    answer: Any = None
    """The type of the 200 answer, of a line where it has many; None: the answer is no JSON."""
    media: str = JSON
    gives_position: bool = False
    """The 200 answer carries `Log-Position`."""
    problems: tuple[int, ...] = ()
    """Statuses it fails with, each a problem+json body."""


WHO = Parameter(
    "who",
    "path",
    "`type:value`: user_id, email, phone, anonymous_id, profile_id or any external id type. A slash is `%2F`.",
    {"type": "string", "pattern": "^[^:]+:.+$", "examples": ["user_id:ada"]},
)
SPACE = Parameter("space", "path", "Any name: there is one space.")
AFTER = Parameter(
    "After-Position",
    "header",
    "A Log-Position: wait, at most 5 s, until that event is folded in.",
    {"type": "string", "pattern": "^[0-9]+$"},
)
CURSOR = Parameter("cursor", "query", "`next` of the page before.")
ORDER = Parameter(
    "order", "query", "Oldest or newest first.", {"type": "string", "enum": ["asc", "desc"], "default": "desc"}
)
AS_OF = Parameter(
    "as_of",
    "query",
    "Answer as it was known at this time (RFC 3339, or a date for its start, UTC): from the events received by then.",
)
TYPES = Parameter("types", "query", "Only events of these types, separated by commas: `page,track`.")


def _limit(default: int) -> Parameter:
    schema = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": default}
    return Parameter("limit", "query", "Rows a page.", schema)


def _read(path: str, id_: str, summary: str, answer: Any, *parameters: Parameter, tag: str = "profiles") -> Operation:
    person = (WHO,) if "{who}" in path else ()
    problems = (400, 401, 404, 429, 503, 504) if person else (400, 401, 429, 503, 504)
    return Operation(
        path=path,
        id=id_,
        tag=tag,
        summary=summary,
        keys=API_KEY,
        parameters=(*person, *parameters, AFTER),
        answer=answer,
        problems=problems,
    )


def _segment(name: str, summary: str, answer: Any, *parameters: Parameter) -> Operation:
    title = name.title().replace("_", "")
    return _read(f"{SEGMENT}/{name}", f"segment{title}", summary, answer, SPACE, *parameters, tag="segment")


def _ingest(name: str, summary: str, body: Any) -> Operation:
    return Operation(
        method="POST",
        path=f"/v1/{name}",
        id=name,
        tag="ingest",
        summary=summary,
        description="200 means the events are durable; refused ones are listed under `rejected`.",
        keys=WRITE_KEY,
        body=body,
        answer=ingest.Accepted,
        gives_position=True,
        problems=(400, 401, 403, 408, 413, 415, 429, 503),
    )


def _short_form(full: Operation) -> Operation:
    return msgspec.structs.replace(
        full, path=f"/v1/{full.id[0]}", id=f"{full.id}Short", summary=f"Short form of {full.path}."
    )


def _open(path: str, summary: str, answer: Any, media: str = JSON, problems: tuple[int, ...] = ()) -> Operation:
    id_ = path.strip("/").removesuffix(".json")
    return Operation(
        path=path, id=id_, tag="operations", summary=summary, answer=answer, media=media, problems=problems
    )


_INGEST = (
    _ingest("track", "Something somebody did.", ingest.Track),
    _ingest("page", "A page was seen.", ingest.Page),
    _ingest("screen", "A screen of an app was seen.", ingest.Screen),
    _ingest("identify", "Who somebody is.", ingest.Identify),
    _ingest("alias", "Two users are one person.", ingest.Alias),
    _ingest("group", "Somebody belongs to a group.", ingest.Group),
    _ingest("batch", "Many events at once.", ingest.Batch),
)
_NEXT = Parameter("next", "query", "`cursor.next` of the page before.")
_INCLUDE = Parameter("include", "query", "Only these, separated by commas.")
_VERBOSE = Parameter("verbose", "query", "`true`: with source and time.", {"type": "string", "enum": ["true", "false"]})
_CLASS = Parameter(
    "class", "query", "Only audiences or computed traits.", {"type": "string", "enum": ["audience", "computed_trait"]}
)
_EVENT_PARAMETERS = (
    Parameter("include", "query", "Only events of these names, separated by commas."),
    Parameter("exclude", "query", "No events of these names, separated by commas."),
    Parameter("start", "query", "Only events after this time (ISO 8601)."),
    Parameter("end", "query", "Only events before this time (ISO 8601)."),
    Parameter("sort", "query", "Oldest or newest first.", ORDER.schema),
)

OPERATIONS: tuple[Operation, ...] = (
    *_INGEST,
    *(_short_form(each) for each in _INGEST),
    Operation(
        method="POST",
        path="/v1/device",
        id="device",
        tag="ingest",
        summary="Who this browser is: a fresh anonymous_id, or the cookie's; and its cookie, for allowed origins.",
        keys=WRITE_KEY,
        answer=ingest.DeviceAnswer,
        problems=(401, 403, 429, 503),
    ),
    Operation(
        method="POST",
        path="/v1/link",
        id="link",
        tag="ingest",
        summary="A token that stands for a device while a link to another listed domain is followed.",
        keys=WRITE_KEY,
        answer=ingest.LinkAnswer,
        problems=(400, 401, 403, 429, 503),
    ),
    Operation(path="/t.js", id="tracker", tag="ingest", summary="The tracker.", media="text/javascript"),
    Operation(
        path="/t-extras.js",
        id="trackerExtras",
        tag="ingest",
        summary="The tracker's second file, which it loads when the page has time.",
        media="text/javascript",
    ),
    Operation(
        path="/pixel.gif",
        id="pixel",
        tag="ingest",
        summary="An event without JavaScript, such as the opening of an e-mail; its fields are the query.",
        keys=("writeKeyQuery",),
        media="image/gif",
        gives_position=True,
    ),
    Operation(
        path="/v1/live",
        id="live",
        tag="ingest",
        summary="What is being accepted and refused at this moment: a stream of one JSON object a line.",
        description="With `Accept: text/event-stream` as server-sent events.",
        keys=API_KEY,
        media="application/x-ndjson",
        problems=(401,),
    ),
    _read("/v1/profiles", "listProfiles", "All people, a page at a time.", ProfilePage, _limit(DEFAULT_LIMIT), CURSOR),
    _read("/v1/profiles/{who}", "getProfile", "One person, as known now or then.", Profile, AS_OF),
    Operation(
        method="DELETE",
        path="/v1/profiles/{who}",
        id="eraseProfile",
        tag="profiles",
        summary="Erase a person for good.",
        description="Every event of theirs leaves the log, the store, its indexes and the refused events; late and "
        "repeated ones are kept away. Nobody else changes.",
        keys=API_KEY,
        parameters=(WHO, AFTER),
        answer=Receipt,
        gives_position=True,
        problems=(400, 401, 403, 404, 429, 503, 504),
    ),
    _read(
        "/v1/profiles/{who}/timeline",
        "getTimeline",
        "Their events.",
        Timeline,
        _limit(DEFAULT_LIMIT),
        CURSOR,
        TYPES,
        ORDER,
        AS_OF,
    ),
    _read(
        "/v1/profiles/{who}/sessions",
        "getSessions",
        "Their visits.",
        SessionPage,
        _limit(DEFAULT_LIMIT),
        CURSOR,
        ORDER,
        AS_OF,
    ),
    _read("/v1/profiles/{who}/identity", "getIdentity", "Why we think it is them.", Identity),
    Operation(
        method="POST",
        path="/v1/identity/retractions",
        id="retract",
        tag="profiles",
        summary="Take back what these messages said about who somebody is.",
        keys=API_KEY,
        body=RetractionRequest,
        answer=RetractionAnswer,
        gives_position=True,
        problems=(400, 401, 403, 408, 413, 415, 429, 503),
    ),
    Operation(
        method="POST",
        path="/v1/identity/dry-runs",
        id="dryRun",
        tag="profiles",
        summary="What a retraction or an alias would change. Nothing is stored.",
        description="Either `retract` or `alias`.",
        keys=API_KEY,
        parameters=(AFTER,),
        body=DryRunRequest,
        answer=DryRun,
        problems=(400, 401, 403, 408, 413, 415, 422, 429, 503, 504),
    ),
    Operation(
        path="/v1/facts",
        id="facts",
        tag="facts",
        summary="What was found, in the order it was found, one JSON object a line.",
        description="Each fact once. The header `Next-Cursor` is where to go on, also when there was nothing.",
        keys=API_KEY,
        parameters=(
            Parameter(
                "after", "query", "The `cursor` of the last fact you had, or a `Next-Cursor`; else from the first."
            ),
            _limit(MAX_LIMIT),
            Parameter("types", "query", f"Only these, separated by commas: {', '.join(sorted(FACT_TYPES))}."),
            Parameter(
                "wait",
                "query",
                "Seconds to wait for something to tell.",
                {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_S, "default": 0},
            ),
            AFTER,
        ),
        answer=Fact,
        media="application/x-ndjson",
        problems=(400, 401, 429, 503, 504),
    ),
    Operation(
        path="/v1/export/{what}",
        id="export",
        tag="exports",
        summary="Everything of one kind, one JSON object a line, in canonical order.",
        description="A stream that ends cleanly is complete; a failure on the way breaks the connection.",
        keys=API_KEY,
        parameters=(
            Parameter("what", "path", "What to export.", {"enum": [*EXPORTS]}),
            AFTER,
        ),
        media="application/x-ndjson",
        problems=(400, 401, 404, 429, 503, 504),
    ),
    _segment("traits", "Their traits.", segment.Traits, _limit(SEGMENT_LIMIT), _NEXT, _INCLUDE, _VERBOSE, _CLASS),
    _segment("external_ids", "Their identifiers.", segment.ExternalIds, _limit(SEGMENT_LIMIT), _NEXT, _INCLUDE),
    _segment("events", "Their events.", segment.ProfileEvents, _limit(SEGMENT_LIMIT), _NEXT, *_EVENT_PARAMETERS),
    _segment("metadata", "When they were first and last seen.", segment.MetadataAnswer),
    _open("/healthz", "The process lives.", Health),
    _open("/readyz", "It should get traffic.", Readiness, problems=(503,)),
    _open("/metrics", "Its numbers, for Prometheus.", None, "text/plain"),
    _open("/openapi.json", "This document.", dict[str, Any]),
    _open("/docs", "This document, to read in a browser.", None, "text/html"),
)
