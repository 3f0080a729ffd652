"""Enrolment: one code, one node, one key; across a gap, a request that its key has signed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from mythos.adapters.key_file import create_key, load_key
from mythos.errors import (
    ConflictError,
    IdentityError,
    NotFoundError,
    TrustError,
    UnavailableError,
    UsageError,
)
from mythos.node.enrolment import accept_file, enrol_online, write_request
from mythos.node.home import NodeHome
from mythos.server.catalog.commands import admit, enrol, hash_of, import_fleet, issue_code
from mythos.server.catalog.models import EnrolmentCode, Environment, Node
from mythos.server.deployment.enrolment import admit_file, admit_to_file
from mythos.values.digest import canonical_bytes
from mythos.values.enrolment import EnrolmentRequest
from mythos.values.environment import FleetEnvironment, FleetFile
from tests.server.outpost import Outpost

AT = datetime(2030, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def lab(db: None, settings: Settings, tmp_path: Path) -> Environment:
    settings.MYTHOS = settings.MYTHOS.model_copy(update={"home": tmp_path / "control"})
    return Environment.objects.create(name="lab")


@pytest.fixture
def gap(lab: Environment) -> Environment:
    return Environment.objects.create(name="enclave", air_gapped=True, report_every_s=120)


def _request(code: str, node: str = "lab-1") -> EnrolmentRequest:
    return Outpost(node=node).request.model_copy(update={"code": code})


def test_a_code_admits_its_node_once(lab: Environment) -> None:
    code = issue_code("lab-1", "lab", at=AT)
    enrolled = enrol(_request(code), at=AT + HOUR)
    assert enrolled.node.environment == lab
    assert Node.objects.get().pull_token_hash == hash_of(enrolled.pull_token)
    with pytest.raises(IdentityError, match="does not open the door"):
        enrol(_request(code), at=AT + HOUR)


def test_a_code_is_one_nodes_alone(lab: Environment) -> None:
    code = issue_code("lab-1", "lab", at=AT)
    with pytest.raises(IdentityError, match="'lab-2'"):
        enrol(_request(code, "lab-2"), at=AT)
    assert enrol(_request(code), at=AT).node.node_id == "lab-1"


def test_a_code_holds_a_day(lab: Environment) -> None:
    code = issue_code("lab-1", "lab", at=AT)
    with pytest.raises(IdentityError):
        enrol(_request(code), at=AT + 24 * HOUR)
    assert enrol(_request(code), at=AT + 23 * HOUR).node.node_id == "lab-1"


@pytest.mark.parametrize("code", ["", "guess"])
def test_a_guessed_code_opens_nothing(lab: Environment, code: str) -> None:
    issue_code("lab-1", "lab", at=AT)
    with pytest.raises(IdentityError):
        enrol(_request(code), at=AT)


def test_codes_and_tokens_are_kept_as_hashes_only(lab: Environment) -> None:
    code = issue_code("lab-1", "lab", at=AT)
    token = enrol(_request(code), at=AT).pull_token
    kept = f"{EnrolmentCode.objects.values()}{Node.objects.values()}"
    assert code not in kept
    assert token not in kept


def test_a_taken_id_or_key_is_a_conflict_and_spends_no_code(lab: Environment) -> None:
    first = Outpost()
    code = issue_code("lab-1", "lab", at=AT)
    admit(first.request, "lab")
    with pytest.raises(ConflictError, match="already enrolled"):
        enrol(_request(code), at=AT)
    assert EnrolmentCode.objects.get().used_at is None
    code = issue_code("lab-2", "lab", at=AT)
    same_key = Outpost(node="lab-2", key=first.key).request.model_copy(update={"code": code})
    with pytest.raises(ConflictError):
        enrol(same_key, at=AT)


def test_an_acceptance_that_cannot_be_written_uses_up_no_id(
    lab: Environment, tmp_path: Path
) -> None:
    write_request(NodeHome(tmp_path / "home"), node="lab-1", file=tmp_path / "request")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        admit_to_file((tmp_path / "request").read_bytes(), "lab", tmp_path / "file" / "answer")
    assert not Node.objects.exists()


def test_no_code_is_made_for_an_id_that_is_taken(lab: Environment) -> None:
    admit(Outpost().request, "lab")
    with pytest.raises(ConflictError, match="already enrolled"):
        issue_code("lab-1", "lab", at=AT)


@pytest.mark.parametrize("node_id", ["", "no spaces", "../up", "n" * 151])
def test_no_code_is_made_for_what_no_node_can_be_called(lab: Environment, node_id: str) -> None:
    with pytest.raises(UsageError, match="is no node id"):
        issue_code(node_id, "lab", at=AT)


def test_the_id_of_a_retired_node_is_not_given_again(lab: Environment) -> None:
    """Its evidence stays under that id; another host must not inherit its reputation."""
    admit(Outpost().request, "lab")
    Node.objects.update(retired_at=AT)
    with pytest.raises(ConflictError) as caught:
        admit(Outpost().request, "lab")
    assert "another id" in caught.value.remedy


def test_an_environment_that_is_not_there_is_named_with_those_that_are(lab: Environment) -> None:
    with pytest.raises(NotFoundError, match=r"'moon' \(known: lab\)"):
        issue_code("lab-1", "moon", at=AT)


def _post(client: Client, body: object) -> tuple[int, Any]:
    answer = client.post("/api/v1/enrol", json.dumps(body), content_type="application/json")
    return answer.status_code, answer.json()


def test_the_route_tells_a_node_whom_to_trust(client: Client, lab: Environment) -> None:
    code = issue_code("lab-1", "lab", at=datetime.now(UTC))
    status, told = _post(client, _request(code).model_dump(mode="json", by_alias=True))
    assert (status, told["node"], told["environment"]) == (200, "lab-1", "lab")
    assert told["server"] == "http://testserver"
    assert json.loads(told["packets_root"])["signed"]["_type"] == "root"
    assert told["packets_root"] != told["deployments_root"]
    assert told["pull_token"]


@pytest.mark.parametrize(
    "body",
    [None, {}, [], {"node": "lab-1", "code": "x", "public_key": "not a key"}, {"node": "../x"}],
)
def test_a_malformed_request_is_refused(client: Client, lab: Environment, body: object) -> None:
    status, told = _post(client, body)
    assert (status, "not an enrolment request" in told["error"]["message"]) == (400, True)


def test_a_public_key_of_another_kind_is_refused(client: Client, lab: Environment) -> None:
    code = issue_code("lab-1", "lab", at=datetime.now(UTC))
    rubbish = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
    request = _request(code).model_dump(mode="json", by_alias=True) | {"public_key": rubbish}
    status, told = _post(client, request)
    assert (status, "no Ed25519 public key" in told["error"]["message"]) == (403, True)


def test_a_request_file_is_carried_signed_and_accepted(gap: Environment, tmp_path: Path) -> None:
    home = NodeHome(tmp_path / "node")
    request, answer = tmp_path / "request", tmp_path / "answer"
    write_request(home, node="far-1", file=request)
    acceptance = admit_to_file(request.read_bytes(), "enclave", answer)
    assert answer.stat().st_mode & 0o777 == 0o600
    assert accept_file(home, file=answer) == acceptance
    assert home.acceptance() == acceptance
    assert (acceptance.air_gapped, acceptance.server, acceptance.pull_token) == (True, "", "")
    assert acceptance.report_every_s == 120
    assert accept_file(home, file=answer) == acceptance, "taking it twice changes nothing"


def test_a_request_may_be_written_again_with_the_same_key(tmp_path: Path) -> None:
    home = NodeHome(tmp_path / "node")
    write_request(home, node="far-1", file=tmp_path / "one")
    write_request(home, node="far-1", file=tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("changed", ["node", "payload", "signature", "cut", "empty"])
def test_a_tampered_request_is_refused(gap: Environment, tmp_path: Path, changed: str) -> None:
    import base64

    file = tmp_path / "request"
    write_request(NodeHome(tmp_path / "node"), node="far-1", file=file)
    envelope = json.loads(file.read_bytes())
    if changed == "node":
        payload = base64.b64decode(envelope["payload"]).replace(b"far-1", b"far-2")
        envelope["payload"] = base64.b64encode(payload).decode()
    elif changed == "payload":
        other = Outpost(node="far-1").request.model_dump_json(by_alias=True).encode()
        envelope["payload"] = base64.b64encode(other).decode()
    elif changed == "signature":
        envelope["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
    data = json.dumps(envelope, sort_keys=True, separators=(",", ":")).encode()
    data = {"cut": data[:-20], "empty": b""}.get(changed, data)
    with pytest.raises(TrustError):
        admit_file(data, "enclave")
    assert not Node.objects.exists()


def test_a_request_can_be_admitted_once(gap: Environment, tmp_path: Path) -> None:
    write_request(NodeHome(tmp_path / "node"), node="far-1", file=tmp_path / "request")
    admit_file((tmp_path / "request").read_bytes(), "enclave")
    with pytest.raises(ConflictError):
        admit_file((tmp_path / "request").read_bytes(), "enclave")


def test_an_acceptance_for_another_node_is_refused(gap: Environment, tmp_path: Path) -> None:
    one, other = NodeHome(tmp_path / "one"), NodeHome(tmp_path / "other")
    write_request(one, node="far-1", file=tmp_path / "r1")
    write_request(other, node="far-2", file=tmp_path / "r2")
    admit_to_file((tmp_path / "r1").read_bytes(), "enclave", tmp_path / "a1")
    with pytest.raises(IdentityError, match="is for the key"):
        accept_file(other, file=tmp_path / "a1")
    assert not other.enrolled


@pytest.mark.parametrize("content", [b"", b"{}", b"no json", b"\xff"])
def test_what_is_no_acceptance_is_refused(tmp_path: Path, content: bytes) -> None:
    home = NodeHome(tmp_path / "node")
    write_request(home, node="far-1", file=tmp_path / "request")
    (tmp_path / "answer").write_bytes(content)
    with pytest.raises(IdentityError, match="is no acceptance"):
        accept_file(home, file=tmp_path / "answer")


def test_another_acceptance_does_not_replace_the_first(gap: Environment, tmp_path: Path) -> None:
    """Changing environment, or whom to trust, is a new enrolment in a new folder."""
    home = NodeHome(tmp_path / "node")
    write_request(home, node="far-1", file=tmp_path / "request")
    admit_to_file((tmp_path / "request").read_bytes(), "enclave", tmp_path / "answer")
    accept_file(home, file=tmp_path / "answer")
    Node.objects.all().delete()
    admit_to_file((tmp_path / "request").read_bytes(), "lab", tmp_path / "answer")
    with pytest.raises(ConflictError, match="is enrolled as far-1 already"):
        accept_file(home, file=tmp_path / "answer")
    with pytest.raises(ConflictError):
        write_request(home, node="far-1", file=tmp_path / "again")


@pytest.mark.parametrize("changed", ["environment", "heartbeat_s", "packets_root"])
def test_an_acceptance_changed_on_its_way_is_refused(
    gap: Environment, tmp_path: Path, changed: str
) -> None:
    import base64

    home = NodeHome(tmp_path / "node")
    write_request(home, node="far-1", file=tmp_path / "request")
    admit_to_file((tmp_path / "request").read_bytes(), "enclave", tmp_path / "answer")
    envelope = json.loads((tmp_path / "answer").read_bytes())
    payload = json.loads(base64.b64decode(envelope["payload"]))
    payload[changed] = {"environment": "lab", "heartbeat_s": 3_600}.get(changed, "{}")
    envelope["payload"] = base64.b64encode(canonical_bytes(payload)).decode()
    (tmp_path / "answer").write_bytes(canonical_bytes(envelope))
    with pytest.raises(IdentityError, match="does not hold"):
        accept_file(home, file=tmp_path / "answer")
    assert not home.enrolled


def test_a_folder_that_never_asked_cannot_accept(gap: Environment, tmp_path: Path) -> None:
    write_request(NodeHome(tmp_path / "node"), node="far-1", file=tmp_path / "request")
    admit_to_file((tmp_path / "request").read_bytes(), "enclave", tmp_path / "answer")
    with pytest.raises(IdentityError, match="has asked for nothing") as caught:
        accept_file(NodeHome(tmp_path / "elsewhere"), file=tmp_path / "answer")
    assert "request for far-1" in caught.value.remedy


def test_a_node_without_a_control_plane_is_told_so(tmp_path: Path) -> None:
    home = NodeHome(tmp_path / "node")
    with pytest.raises(UnavailableError, match="does not answer"):
        enrol_online(home, server="http://127.0.0.1:9", node="lab-1", code="x")
    assert not home.enrolled
    key = load_key(home.key)
    with pytest.raises(UnavailableError):
        enrol_online(home, server="http://127.0.0.1:9", node="lab-1", code="x")
    assert load_key(home.key).key_id == key.key_id


def test_a_node_that_is_enrolled_is_not_enrolled_again(tmp_path: Path) -> None:
    from tests.node.household import House

    house = House(tmp_path).move_in()
    with pytest.raises(ConflictError, match="is enrolled as lab-1 already"):
        enrol_online(house.home, server="http://127.0.0.1:9", node="lab-1", code="x")


def test_a_damaged_acceptance_is_a_clear_error(tmp_path: Path) -> None:
    home = NodeHome(tmp_path / "node")
    create_key(home.key)
    (home.root / "acceptance.json").write_text("{}")
    with pytest.raises(ConflictError, match="is damaged"):
        home.acceptance()


def test_a_fleet_file_makes_and_updates_environments(lab: Environment) -> None:
    one = FleetEnvironment(name="lab", labels={"tier": "gold"}, air_gapped=True)
    import_fleet(FleetFile(environments=(one, FleetEnvironment(name="cloud"))))
    import_fleet(FleetFile(environments=(one,)))
    found = Environment.objects.get(name="lab")
    assert (found.pk, found.labels, found.air_gapped) == (lab.pk, {"tier": "gold"}, True)
    assert Environment.objects.count() == 2


def test_a_usage_error_names_the_field(client: Client, lab: Environment) -> None:
    from mythos.server.deployment.enrolment import _parse

    with pytest.raises(UsageError, match="not an enrolment request: node"):
        _parse(b'{"public_key": "x"}')
