import json
import re
from importlib.metadata import version
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from collector.app import DEVICE_PATH, LINK_PATH, LIVE_PATH
from collector.pipeline import ADAPTERS
from collector.snippet import FILES as TRACKER_FILES
from sessionizer.api.app import ROUTES
from sessionizer.api.openapi import document
from sessionizer.api.operations import OPERATIONS
from sessionizer.api.problems import ProblemReason

DOCS = Path(__file__).parents[3] / "docs"
ROUTED = {(each.method, each.path) for each in ROUTES} | {("GET", "/metrics")}


def test_the_document_is_valid_openapi():
    validate(json.loads(document()))


def test_it_carries_the_packages_version():
    assert json.loads(document())["info"]["version"] == version("ariane")


def test_the_committed_document_is_fresh():
    fresh = document() == (DOCS / "openapi.json").read_bytes()
    assert fresh, "run: python -m sessionizer.api.openapi > docs/openapi.json"


async def test_the_served_document_is_the_committed_one(stranger):
    answer = await stranger.get("/openapi.json")
    assert answer.content_type == "application/json"
    assert await answer.read() == (DOCS / "openapi.json").read_bytes()


def test_every_route_is_in_the_document_and_every_operation_is_routed():
    described = {(each.method, each.path) for each in OPERATIONS if each.tag != "ingest"}
    assert described == ROUTED - {("GET", "/docs/{file}")}


def test_every_described_way_in_is_one_of_the_edges():
    routed = {path for adapter in ADAPTERS for path in adapter.paths} | {
        DEVICE_PATH,
        LINK_PATH,
        LIVE_PATH,
        *TRACKER_FILES,
    }
    assert {each.path for each in OPERATIONS if each.tag == "ingest"} <= routed


async def test_the_operations_that_need_the_key_are_those_that_refuse_without(stranger):
    for operation in OPERATIONS:
        if operation.tag == "ingest":
            continue
        path = operation.path.replace("{who}", "user_id:ada").replace("{space}", "x").replace("{what}", "events")
        answer = await stranger.request(operation.method, path)
        assert (answer.status == 401) is bool(operation.keys), path


def test_every_route_is_documented_and_every_documented_route_exists():
    documented = set(re.findall(r"^### `([A-Z]+) (\S+)`", (DOCS / "api.md").read_text(), re.MULTILINE))
    assert documented == ROUTED - {("GET", "/docs/{file}")}


def test_every_reason_is_documented_and_every_documented_reason_exists():
    _, _, problems = (DOCS / "api.md").read_text().partition("\n## Problems\n")
    documented = re.findall(r"^\| `([a-z_]+)` \|", problems, re.MULTILINE)
    assert documented == [each.value for each in ProblemReason]


@pytest.mark.parametrize("name", ["Profile", "Timeline", "Session", "Identity", "ProblemBody", "Accepted", "Track"])
def test_the_shapes_are_among_the_components(name):
    assert json.loads(document())["components"]["schemas"][name]["type"] == "object"


def test_component_names_are_plain():
    assert all(name.isalpha() for name in json.loads(document())["components"]["schemas"])
