from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.conf import settings as configured
from django.contrib.auth.models import User
from django.db import connection
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck
from hypothesis import settings as examples
from pytest_django import Settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mythos.server.deployment.listing import BundleDocument, BundlePage, EnvironmentPage
from mythos.server.project.api import api
from mythos.server.project.wsgi import application
from mythos.server.resilience.listing import EvidencePage, NodePage
from mythos.server.resilience.models import SymbolicResilienceMonitor
from mythos.server.strategy.commands import refresh as recommend
from mythos.values.problem import Problem
from mythos.values.reading import Reading
from mythos.values.recommendation import Recommendation
from tests.server.enrolled_fleet import Fleet, enrolled_fleet
from tests.server.reading import READING

pytestmark = pytest.mark.django_db

DOCUMENT = schemathesis.openapi.from_dict(api.get_openapi_schema())
DOCUMENT.app = application
ROUTES = (
    "/api/v1/nodes",
    "/api/v1/nodes/lab-1/resilience",
    "/api/v1/nodes/lab-1/evidence",
    "/api/v1/bundles",
    f"/api/v1/bundles/sha256:{64 * '0'}",
    "/api/v1/environments",
    "/api/v1/policies",
    f"/api/v1/policies/sha256:{64 * '0'}",
    "/api/v1/workflows",
    f"/api/v1/workflows/sha256:{64 * '0'}",
    "/api/v1/memories",
    "/api/v1/memories/lab-1/log?log=mythos/lab-1/clerk",
    "/api/v1/memories/lab-1/entries?log=mythos/lab-1/clerk",
    "/api/v1/memories/lab-1/proof?log=mythos/lab-1/clerk&seq=0",
    "/api/v1/memories/lab-1/orders",
    "/api/v1/strategy",
    "/api/v1/openapi.json",
)


@pytest.fixture
def fleet(settings: Settings, tmp_path: Path) -> Fleet:
    settings.MYTHOS = settings.MYTHOS.model_copy(update={"home": tmp_path / "home"})
    return enrolled_fleet(tmp_path, at=timezone.now())


@pytest.fixture
def script(client: Client) -> Client:
    """A program whose user signed in."""
    client.force_login(User.objects.create_user("script"))
    return client


def get(client: Client, path: str, **parameters: str | int) -> str:
    response = client.get(path, parameters)
    assert response.status_code == 200, response.content
    assert response.headers["Content-Type"].startswith("application/json")
    return response.content.decode()


@DOCUMENT.parametrize()
@examples(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_request_makes_the_server_fail_or_break_its_word(
    case: schemathesis.Case[Any], ada: Client, fleet: Fleet
) -> None:
    name, token = configured.SESSION_COOKIE_NAME, _get_new_csrf_string()
    response = case.call_and_validate(
        cookies={name: ada.cookies[name].value, configured.CSRF_COOKIE_NAME: token},
        headers={"X-CSRFToken": token},
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ],
    )
    assert response.status_code != 401


@pytest.mark.parametrize("path", ROUTES)
def test_a_stranger_is_told_401_and_never_redirected(client: Client, path: str) -> None:
    response = client.get(path, headers={"Accept": "text/html"})

    assert response.status_code == 401
    assert Problem.model_validate_json(response.content).error.remedy.startswith("sign in")


def test_nodes_tell_state_score_and_what_runs_where(script: Client, fleet: Fleet) -> None:
    page = NodePage.model_validate_json(get(script, "/api/v1/nodes"))

    told, quiet = page.items
    assert (told.node, told.environment, told.running) == ("lab-1", "lab", fleet.packet.digest)
    assert told.assigned == fleet.packet.digest
    assert told.state is not None
    assert told.score is not None
    assert told.last_beat_at is not None
    assert (quiet.node, quiet.state, quiet.score, quiet.running) == ("lab-2", None, None, "")


def test_pages_lead_through_all_nodes_once(script: Client, fleet: Fleet) -> None:
    first = NodePage.model_validate_json(get(script, "/api/v1/nodes", limit=1))
    second = NodePage.model_validate_json(
        get(script, "/api/v1/nodes", limit=1, after=first.next or 0)
    )

    assert [node.node for node in (*first.items, *second.items)] == ["lab-1", "lab-2"]
    assert first.next is not None
    assert second.next is None


def test_a_reading_is_computed_for_the_window_that_was_asked_for(
    script: Client, fleet: Fleet
) -> None:
    path = "/api/v1/nodes/lab-1/resilience"

    wide = Reading.model_validate_json(get(script, path))
    narrow = Reading.model_validate_json(get(script, path, window_s=60))

    assert (wide.node, wide.window_s, wide.runs) == ("lab-1", 28 * 86_400, 4)
    assert (narrow.window_s, narrow.runs) == (60, 0)


def test_reading_the_api_writes_nothing(script: Client, fleet: Fleet) -> None:
    readings = SymbolicResilienceMonitor.objects.count()

    with CaptureQueriesContext(connection) as seen:
        for path in ROUTES:
            script.get(path)

    written = [query["sql"] for query in seen if not query["sql"].lstrip().startswith(READING)]
    assert written == []
    assert SymbolicResilienceMonitor.objects.count() == readings


def test_evidence_comes_back_as_it_was_sent(script: Client, fleet: Fleet) -> None:
    page = EvidencePage.model_validate_json(get(script, "/api/v1/nodes/lab-1/evidence"))

    assert len(page.items) == fleet.n_rows
    assert {row.kind for row in page.items} == {"policy"}
    assert page.items[0].body["runs"] == {"clean": 2, "violated": 0, "undecidable": 0}
    newest = max(row.cell for row in page.items)
    later = get(script, "/api/v1/nodes/lab-1/evidence", since=newest)
    assert [row.cell for row in EvidencePage.model_validate_json(later).items] == [newest]


def test_bundles_are_listed_and_shown_with_their_constructs(script: Client, fleet: Fleet) -> None:
    [listed] = BundlePage.model_validate_json(get(script, "/api/v1/bundles")).items
    shown = BundleDocument.model_validate_json(get(script, f"/api/v1/bundles/{listed.digest}"))

    assert (listed.name, listed.version, listed.labels) == ("care", 1, {"tier": "gold"})
    assert {one.kind for one in shown.config.constructs} == {
        "agent", "policy_set", "workflow", "tools", "memory",
    }  # fmt: skip


def test_environments_tell_what_they_were_told_to_run(script: Client, fleet: Fleet) -> None:
    lab, cloud = EnvironmentPage.model_validate_json(get(script, "/api/v1/environments")).items

    assert (lab.name, lab.nodes) == ("lab", 2)
    assert lab.assigned is not None
    assert (lab.assigned.digest, lab.assigned.decided_by) == (fleet.packet.digest, "ops")
    assert cloud.assigned is None


def test_the_newest_recommendation_is_given_whole(script: Client, fleet: Fleet) -> None:
    recommend(fleet.packet, at=timezone.now())

    answer = Recommendation.model_validate_json(get(script, "/api/v1/strategy"))
    same = get(script, "/api/v1/strategy", bundle=fleet.packet.digest)

    assert answer.bundle == fleet.packet.digest
    assert {one.target_environment for one in answer.environments} == {"lab", "cloud"}
    assert Recommendation.model_validate_json(same) == answer
    assert json.loads(same)["schema"] == "mythos.recommendation/1"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/nodes?limit=201", 422),
        ("/api/v1/nodes?limit=0", 422),
        ("/api/v1/nodes?after=-1", 422),
        ("/api/v1/nodes?after=9007199254740993", 422),
        ("/api/v1/nodes/lab-1/resilience?window_s=59", 422),
        ("/api/v1/nodes/lab-1/resilience?window_s=7776001", 422),
        ("/api/v1/nodes/lab-1/resilience?window_s=999999999999", 422),
        ("/api/v1/nodes/lab-1/evidence?since=999999999999999", 422),
        ("/api/v1/nodes/%00/resilience", 422),
        ("/api/v1/bundles/sha256:short", 422),
        ("/api/v1/nodes/nobody/resilience", 404),
        ("/api/v1/nodes/nobody/evidence", 404),
        (f"/api/v1/bundles/sha256:{64 * '0'}", 404),
        ("/api/v1/strategy", 404),
        ("/api/v1/", 404),
        ("/api/v1/no/such/route", 404),
    ],
)
def test_what_is_out_of_bounds_or_not_there_is_refused_with_a_remedy(
    script: Client, path: str, status: int
) -> None:
    response = script.get(path)

    assert response.status_code == status
    problem = Problem.model_validate_json(response.content).error
    assert problem.message
    assert problem.remedy


def test_a_refused_parameter_is_named(script: Client) -> None:
    response = script.get("/api/v1/nodes?limit=201")

    assert Problem.model_validate_json(response.content).error.where == "query.limit"


def test_the_openapi_document_lists_every_operation_once(script: Client) -> None:
    document = json.loads(get(script, "/api/v1/openapi.json"))

    names = [each["operationId"] for path in document["paths"].values() for each in path.values()]
    assert sorted(names) == [
        "accept_key", "list_baselines", "list_bundles", "list_entries", "list_environments",
        "list_evidence", "list_memories", "list_nodes", "list_orders", "list_policies",
        "list_workflows", "read_bundle", "read_memory", "read_policy", "read_proof",
        "read_resilience", "read_strategy", "read_workflow", "withdraw_order",
    ]  # fmt: skip
