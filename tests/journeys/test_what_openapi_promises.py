"""Whatever a client makes of `/openapi.json`, it is answered as that document says, and never by a fault of ours."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sessionizer.api.operations import API_KEY, OPERATIONS
from tests.journeys.running import Stack, running

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ENDLESS = "/v1/live"
EXAMPLES = 6
KEY_OF = {(each.path, each.method): "api_key" if each.keys == API_KEY else "write_key" for each in OPERATIONS}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("openapi") / "data") as stack:
        stack.send(
            {
                "type": "identify",
                "anonymousId": "d1",
                "userId": "ada",
                "traits": {"email": "ada@example.com", "age": 36},
            },
            {"type": "page", "anonymousId": "d1", "name": "Home", "properties": {"url": "https://shop.example/"}},
            {"type": "track", "anonymousId": "d1", "event": "Order Completed", "properties": {"revenue": 5}},
        )
        assert stack.profile("user_id:ada")
        yield stack


@pytest.fixture(scope="module")
def schema(stack: Stack) -> Any:
    return schemathesis.openapi.from_url(f"http://{stack.host}/openapi.json")


@pytest.mark.parametrize(
    ("path", "method"), [each for each in KEY_OF if each[0] != ENDLESS], ids=lambda each: each.lower()
)
def test_every_request_that_fits_the_document_is_answered_as_it_says(
    stack: Stack, schema: Any, path: str, method: str
) -> None:
    session = requests.Session()
    session.auth = (stack.keys[KEY_OF[path, method]], "")

    @given(case=schema[path][method].as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    def holds(case: Any) -> None:
        case.headers["After-Position"] = "0"  # what is drawn for these would be waited for
        if "wait" in case.query:
            case.query["wait"] = 0
        case.headers.pop("Authorization", None)
        case.call_and_validate(session=session, checks=CHECKS)

    holds()


def test_after_all_that_there_was_no_fault_of_ours(stack: Stack) -> None:
    metrics = stack.get("/metrics").body.decode()
    assert "ariane_unexpected_errors_total 0.0" in metrics
    assert "ariane_mind_restarts_total 0.0" in metrics
