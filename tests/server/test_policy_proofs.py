"""Proofs on the policy pages: never in a request, kept by digests, shown with calls."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from mythos.adapters.baseline import baseline_digest
from mythos.adapters.bundle_source import read_source
from mythos.engines.bundle.plan import assemble
from mythos.engines.policy.document import load_policy_set
from mythos.engines.policy.identity import digest as policy_digest
from mythos.errors import UnavailableError
from mythos.server.catalog.models import Node, SwarmCodex
from mythos.server.policies import proving
from mythos.server.policies.models import Proof
from mythos.server.policies.pages.finding import eased, findings_of
from mythos.server.policies.proving import ask, work_one
from tests.server import fleet
from tests.server.fleet import Host

pytestmark = pytest.mark.django_db
z3 = pytest.importorskip("z3")


@pytest.fixture
def at() -> datetime:
    return timezone.now()


@pytest.fixture
def care(at: datetime) -> SwarmCodex:
    """The example's rules, under which a host refunded twice with a yes and once without."""
    packet, where = fleet.file_example(), fleet.environment("eu")
    fleet.roll_out(packet, where, at=at - timedelta(hours=1))
    early = at - timedelta(hours=1)
    host = Host(fleet.enrol("eu-1", where, at=early, packet=packet), packet)
    fleet.report(host, fleet.work_day(host, until=at, runs=3, violated={1}), at=at)
    return SwarmCodex.objects.get(title="care-rules")


@pytest.fixture
def looser(care: SwarmCodex, tmp_path: Path) -> SwarmCodex:
    """A version whose refunds need no yes, and whose other writes are never allowed."""
    tree = shutil.copytree(fleet.EXAMPLE, tmp_path / "tree")
    for name in ("bundle.yaml", "policies/care-rules.yaml"):
        file = tree / name
        file.write_text(file.read_text("utf-8").replace("version: 1", "version: 2"), "utf-8")
    rules = tree / "policies" / "care-rules.yaml"
    text = rules.read_text("utf-8")
    text = text.replace(
        "when { context.past.identified && context.past.confirmed }", "when { true }"
    )
    text = text.replace(
        "unless { context.past.confirmed }", 'unless { action == Action::"issue_refund" }'
    )
    rules.write_text(text, "utf-8")
    fleet.file_bundle(assemble(read_source(tree)))
    return SwarmCodex.objects.get(title="care-rules", version=2)


@pytest.fixture
def acting(browser: Client, operator: User) -> Client:
    operator.groups.add(Group.objects.get_or_create(name="operator")[0])
    return browser


@pytest.fixture
def no_solver(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server on which the extra `prove` was not installed."""
    monkeypatch.setitem(sys.modules, "z3", None)
    proving.solver_installed.cache_clear()
    yield
    monkeypatch.undo()
    proving.solver_installed.cache_clear()


def page(client: Client, policy: SwarmCodex, query: str = "") -> str:
    response = client.get(f"/policies/{policy.digest}{query}")
    assert response.status_code == 200
    return response.content.decode()


def test_before_anybody_asked_the_page_says_so_and_proves_nothing(
    acting: Client, care: SwarmCodex
) -> None:
    text = page(acting, care)
    assert "Not proved yet." in text
    assert f'action="/policies/{care.digest}/prove"' in text
    assert not Proof.objects.exists()


def test_a_viewer_may_not_ask(browser: Client, care: SwarmCodex) -> None:
    assert "Needs an operator; you are a viewer." in page(browser, care)
    assert browser.post(f"/policies/{care.digest}/prove").status_code == 403
    assert not Proof.objects.exists()


def test_what_is_asked_for_is_proved_later_and_kept(
    acting: Client, care: SwarmCodex, at: datetime
) -> None:
    answered = acting.post(f"/policies/{care.digest}/prove")
    assert answered.headers["Location"] == f"/policies/{care.digest}#coherence"
    assert "Asked for by operator" in page(acting, care)
    done = work_one(at=at)
    assert done is not None
    assert (done.policy_set, done.state) == (care.digest, "done")
    shown = acting.get(f"/policies/{care.digest}?format=json").json()["coherence"]
    assert 0 < shown["coherence"] <= 1
    assert (shown["errors"], shown["asked_by"]) == (0, "operator")
    text = page(acting, care)
    assert "replayed through Cedar" in text
    for each in shown["findings"]:
        assert each["kind"] in {"override", "nullified"}
    assert [each["id"] for each in shown["matrix"]["forbids"]] == ["explicit-yes"]
    rows = {row["rule"]: row for row in shown["matrix"]["rows"]}
    assert list(rows) == ["front-desk", "identity-first", "confirmed-write", "explicit-yes"]
    assert [rows[name]["cells"][0]["meeting"] for name in rows] == ["", "", "meet", "self"]
    idle = rows["explicit-yes"]["decides"]
    assert (idle["kept"], rows["front-desk"]["decides"]["kept"]) == ("names", "yes")
    assert f'<a href="#finding-{idle["finding"]}"' in text
    assert f'<div id="finding-{idle["finding"]}">' in text
    assert "Names only" in text
    assert "it still names the violation (severity critical)" in text
    acting.post(f"/policies/{care.digest}/prove")
    assert Proof.objects.filter(policy_set=care.digest).count() == 1
    row = acting.get("/policies?format=json").json()["rows"]
    assert shown["coherence"] in [each["coherence"] for each in row]


def test_a_new_policy_set_is_proved_without_anybody_asking(care: SwarmCodex, at: datetime) -> None:
    first, second, beside, none = (work_one(at=at) for _ in range(4))
    assert first is not None
    assert second is not None
    assert {first.policy_set, second.policy_set} == set(
        SwarmCodex.objects.values_list("digest", flat=True)
    )
    assert first.asked_by == "MythOS"
    assert beside is not None
    assert set(beside.members) == {first.policy_set, second.policy_set}
    assert none is None


def test_a_loosened_version_is_shown_by_a_call_with_both_decisions(
    acting: Client, care: SwarmCodex, looser: SwarmCodex, at: datetime
) -> None:
    query = f"?against={care.digest}"
    assert "Not proved yet." in page(acting, looser, query)
    acting.post(f"/policies/{looser.digest}/prove", {"against": care.digest})
    work_one(at=at)
    found = acting.get(f"/policies/{looser.digest}{query}&format=json").json()["difference"]
    assert found["state"] == "done"
    loosened = [each for each in found["calls"] if each["change"] == "loosened"]
    assert loosened
    assert [each["was"]["allowed"] for each in loosened] == [False] * len(loosened)
    assert [each["now"]["allowed"] for each in loosened] == [True] * len(loosened)
    assert found["verdict"] == "incomparable"
    assert "Loosened and tightened" in page(acting, looser, query)


def test_kept_calls_are_tried_under_both_versions(
    acting: Client, care: SwarmCodex, looser: SwarmCodex
) -> None:
    address = f"/policies/{looser.digest}?against={care.digest}"
    found = acting.get(f"{address}&format=json").json()["backtest"]
    assert (found["calls"], found["problem"]) == (3, "")
    assert found["now_allowed"] == 1
    assert found["now_blocked"] == 0
    assert found["same"] + found["undecidable"] == 2
    (changed,) = found["changed"]
    assert (changed["host"], changed["tool"], changed["outcome"]) == (
        "eu-1", "issue_refund", "violated",
    )  # fmt: skip
    text = page(acting, looser, f"?against={care.digest}")
    assert "On the 3 calls kept in 24 h" in text
    assert f"{found['calls'] - found['undecidable']} of 3 decidable" in text
    assert "mythos policy backtest care-rules-v1.yaml care-rules-v2.yaml --traces TRACES" in text


def test_a_version_is_taken_away_as_the_file_that_the_command_names(
    browser: Client, care: SwarmCodex
) -> None:
    answered = browser.get(f"/policies/{care.digest}/document")
    assert answered.headers["Content-Disposition"] == 'attachment; filename="care-rules-v1.yaml"'
    taken = load_policy_set(answered.content.decode(), source="care-rules-v1.yaml")
    assert policy_digest(taken) == care.digest


def test_what_cannot_be_proved_says_why_and_may_be_asked_for_again(
    acting: Client, care: SwarmCodex, at: datetime
) -> None:
    broken = {**care.document, "rules": care.document["rules"].replace("get_order", "no_such_tool")}
    SwarmCodex.objects.filter(pk=care.pk).update(document=broken)
    ask(care, None, by="ada", at=at)
    ended = work_one(at=at)
    assert ended is not None
    assert ended.state == "failed"
    assert "no_such_tool" in ended.why
    assert "no_such_tool" in page(acting, care)
    assert ask(care, None, by="bo", at=at).state == "wanted"


def test_a_proof_whose_process_died_is_taken_up_again(care: SwarmCodex, at: datetime) -> None:
    proof = ask(care, None, by="ada", at=at)
    Proof.objects.filter(pk=proof.pk).update(state="running", began_at=at)
    Proof.objects.exclude(pk=proof.pk).delete()
    taken = proving._taken(at=at + timedelta(minutes=1))
    assert taken is None
    again = proving._taken(at=at + timedelta(minutes=5))
    assert again is not None
    assert again.pk == proof.pk


def test_without_a_solver_the_page_says_how_to_get_it(
    acting: Client, care: SwarmCodex, no_solver: None, at: datetime
) -> None:
    text = page(acting, care)
    assert "No solver is installed on the server" in text
    assert "pip install &#x27;mythos-fleet[prove]&#x27;" in text
    assert work_one(at=at) is None
    with pytest.raises(UnavailableError, match="no solver"):
        ask(care, None, by="ada", at=at)
    refused = acting.post(f"/policies/{care.digest}/prove", headers={"accept": "application/json"})
    assert refused.status_code == 503


def test_an_unknown_set_cannot_be_asked_about(acting: Client, care: SwarmCodex) -> None:
    none = f"sha256:{'0' * 64}"
    for address, form in (
        (f"/policies/{none}/prove", {}),
        (f"/policies/{care.digest}/prove", {"against": none}),
    ):
        refused = acting.post(address, form, headers={"accept": "application/json"})
        assert refused.status_code == 404


@pytest.fixture
def guarded(care: SwarmCodex) -> SwarmCodex:
    """The host lets the baseline watch in shadow, beside the sets that decide its agents."""
    node = Node.objects.get(node_id="eu-1")
    node.in_force = {**node.in_force, "shadow_sets": [baseline_digest()]}
    node.save()
    return care


def together(client: Client, policy: SwarmCodex) -> dict[str, Any]:
    """The one group that the policy set judges in."""
    shown = client.get(f"/policies/{policy.digest}?format=json").json()["coherence"]["together"]
    assert [each["key"] == "" for each in shown] == [True, False]
    group: dict[str, Any] = shown[1]
    return group


def test_sets_that_judge_together_are_named_with_their_mode_hosts_and_agents(
    acting: Client, guarded: SwarmCodex
) -> None:
    group = together(acting, guarded)
    assert {each["name"]: each["shadow"] for each in group["members"]} == {
        "care-rules": False, "refund-rules": False, "mythos-baseline": True,
    }  # fmt: skip
    assert (group["hosts"], group["agents"]) == (1, ["orders", "refunds", "triage"])
    assert (group["state"], group["coherence"]) == ("unasked", None)


def test_a_guard_that_cuts_a_promise_of_another_set_is_found_together_only(
    acting: Client, guarded: SwarmCodex, at: datetime
) -> None:
    key = together(acting, guarded)["key"]
    answered = acting.post(f"/policies/{guarded.digest}/prove", {"beside": key})
    assert answered.headers["Location"] == f"/policies/{guarded.digest}?beside={key}#coherence"
    work_one(at=at)
    group = together(acting, guarded)
    assert (group["state"], group["errors"]) == ("done", 0)
    shown = acting.get(f"/policies/{guarded.digest}?beside={key}&format=json").json()["coherence"]
    broken = shown["findings"][0]
    assert broken["promise"] == "care-rules/the other desk can always be reached"
    owner, guard = broken["rules"][0].split("/")
    assert owner == "mythos-baseline"
    assert (broken["number"], broken["gravity"]) == (1, "warning")
    assert "mythos-baseline watches in shadow here" in broken["sentence"]
    named = {row["rule"]: row for row in shown["matrix"]["rows"]}
    assert named[f"{owner}/{guard}"]["address"].startswith(
        f"/policies/{baseline_digest()}?rule={guard}"
    )
    assert not any("drop rule mythos-baseline" in each["sentence"] for each in shown["suggestions"])
    text = page(acting, guarded, f"?beside={key}")
    assert "of 3 policy sets that judge together" in text
    acting.post(f"/policies/{guarded.digest}/prove")
    work_one(at=at)
    alone = acting.get(f"/policies/{guarded.digest}?format=json").json()["coherence"]
    assert alone["errors"] == 0


@pytest.mark.parametrize(
    ("denied_by", "gravities"),
    [
        (["watch/a"], ["error", "warning", "info"]),
        (["watch/a", "care/b"], ["error", "error", "info"]),
        ([], ["error", "error", "info"]),
    ],
)
def test_only_what_sets_in_shadow_alone_deny_is_no_error(
    denied_by: list[str], gravities: list[str]
) -> None:
    witness = {"request": {"tool": "t"}, "allowed": False, "permitted_by": []}
    found = findings_of(
        {
            "findings": [
                {
                    "kind": "broken promise",
                    "gravity": gravity,
                    "sentence": "s",
                    "rules": [],
                    "promise": "care/p",
                    "witness": {**witness, "denied_by": denied},
                }
                for gravity, denied in (
                    ("error", denied_by),
                    ("error", ["care/b"]),
                    ("info", ["watch/a"]),
                )
            ]
        }
    )
    shown = eased(found, {"watch"})
    assert [each.gravity for each in shown] == gravities
    assert [each.number for each in shown] == [1, 2, 3]


@pytest.mark.parametrize(("beside", "status"), [("0" * 12, 404), ("all", 400)])
def test_a_group_in_which_it_does_not_judge_is_refused(
    beside: str, status: int, acting: Client, care: SwarmCodex
) -> None:
    address = f"/policies/{care.digest}?beside={beside}"
    answered = acting.get(address, headers={"accept": "application/json"})
    assert answered.status_code == status
    assert "group" in answered.json()["error"]["remedy"]


def test_a_host_that_names_a_set_nobody_sent_stops_no_proof(
    acting: Client, care: SwarmCodex, at: datetime
) -> None:
    node = Node.objects.get(node_id="eu-1")
    node.in_force = {**node.in_force, "shadow_sets": [f"sha256:{'0' * 64}"]}
    node.save()
    assert [bool(work_one(at=at)) for _ in range(3)] == [True, True, False]
    group = together(acting, care)
    assert [each["version"] for each in group["members"]].count(0) == 1
    refused = acting.post(
        f"/policies/{care.digest}/prove",
        {"beside": group["key"]},
        headers={"accept": "application/json"},
    )
    assert refused.status_code == 404


def test_suggested_changes_are_shown_with_what_was_proved_of_them(
    acting: Client, care: SwarmCodex, at: datetime
) -> None:
    ask(care, None, by="ada", at=at)
    work_one(at=at)
    proof = Proof.objects.get(policy_set=care.digest)
    assert "Changes to try" not in page(acting, care)  # a critical rule is never needless
    proof.result["suggested_changes"] = [
        {
            "kind": "narrow",
            "effect": "tightened",
            "raises": ["rule <cap> decides nothing"],
            "sentence": "Let explicit-yes say <when>.",
            "rules": ["explicit-yes"],
            "patch": "--- a\n+++ b\n@@ -1 +1 @@\n-unless { a };\n+unless { b };\n",
            "coherence_after": 1.0,
        },
        {"kind": "unheard-of", "sentence": "Look at it."},
    ]
    proof.save()
    text = page(acting, care)
    assert "Let explicit-yes say &lt;when&gt;." in text
    assert "re-proved: allows less, and nothing new; coherence 0.980 → 1.000" in text
    assert "then rule &lt;cap&gt; decides nothing" in text
    assert '<span class="del">-unless { a };</span>' in text
    assert "<span>--- a</span>" in text
    assert "Look at it." in text
