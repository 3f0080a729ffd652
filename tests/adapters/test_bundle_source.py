from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from mythos.adapters.bundle_source import read_source
from mythos.engines.bundle.plan import assemble
from mythos.engines.policy.document import load_policy_set
from mythos.engines.policy.identity import digest
from mythos.errors import BundleSourceError
from mythos.values.workflow import load_workflow, workflow_digest
from tests.adapters.fleet_site import POLICY, WORKFLOW, write_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "fleet")


def refused(tree: Path) -> BundleSourceError:
    with pytest.raises(BundleSourceError) as caught:
        read_source(tree)
    return caught.value


def test_a_copy_with_other_times_and_file_names_gives_the_same_digest(
    tree: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    for path in sorted(tree.rglob("*"), reverse=True):
        if path.is_file():
            target = copy / path.relative_to(tree)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            os.utime(target, (1, 1))
    (copy / "agents" / "triage.yaml").rename(copy / "agents" / "zz.yaml")
    (copy / "README.md").write_text("not part of the bundle")
    assert assemble(read_source(copy)) == assemble(read_source(tree))


def test_a_comment_or_a_written_default_does_not_change_an_agent(tree: Path) -> None:
    before = assemble(read_source(tree)).digest
    agent = tree / "agents" / "triage.yaml"
    agent.write_text("# the front desk\n" + agent.read_text() + "resources: {replicas: 1}\n")
    assert assemble(read_source(tree)).digest == before


def test_policy_sets_and_workflows_keep_the_digest_their_engines_know(tree: Path) -> None:
    digests = {c.kind: c.digest for c in assemble(read_source(tree)).constructs}
    assert digests["policy_set"] == digest(load_policy_set(POLICY, source="p"))
    assert digests["workflow"] == workflow_digest(load_workflow(WORKFLOW, source="w"))


def test_tools_keep_the_keys_that_only_others_read(tree: Path) -> None:
    bundle = assemble(read_source(tree))
    [tools] = [c for c in bundle.constructs if c.kind == "tools"]
    assert b'"x-note":1.5' in bundle.blobs[tools.digest]


def test_every_problem_is_reported_at_once(tree: Path) -> None:
    agent = tree / "agents" / "triage.yaml"
    agent.write_text(agent.read_text().replace("care-rules", "care-rule"))
    (tree / "tools" / "retail.json").write_text('{"domain": "retail", "tools": 3}')
    (tree / "workflows" / "notes.txt").write_text("stray")
    (tree / "memory" / "triage" / "notes.md").unlink()
    said = str(refused(tree))
    assert "agents/triage.yaml:6:12: triage names policy_set 'care-rule'" in said
    assert "(write 'care-rules')" in said
    assert "tools/retail.json:1:31" in said
    assert "workflows/notes.txt: only *.yaml files belong into workflows/" in said
    assert "agents/triage.yaml:9:11: the file cannot be read" in said


def test_a_tree_without_a_head_is_refused(tree: Path) -> None:
    (tree / "bundle.yaml").unlink()
    assert "bundle.yaml: the file cannot be read" in str(refused(tree))


def test_a_name_that_steps_out_of_its_folder_is_refused(tree: Path) -> None:
    (tree / "bundle.yaml").write_text("name: care/../../other\n")
    assert "bundle.yaml:1:7: the name 'care/../../other'" in str(refused(tree))


def test_what_is_no_file_is_refused_and_not_waited_for(tree: Path) -> None:
    os.mkfifo(tree / "agents" / "pipe.yaml")
    assert "agents/pipe.yaml: this is no file" in str(refused(tree))


def test_a_refused_file_is_not_also_told_as_missing(tree: Path) -> None:
    policy = tree / "policies" / "care.yaml"
    policy.write_text(policy.read_text().replace("permit (", "permit "))
    said = str(refused(tree))
    assert said.startswith("policies/care.yaml:")
    assert "which is not in policies/" not in said


def test_two_agents_of_one_name_are_refused_with_both_files(tree: Path) -> None:
    shutil.copyfile(tree / "agents" / "triage.yaml", tree / "agents" / "twin.yaml")
    said = str(refused(tree))
    assert "agents/twin.yaml: agent 'triage' is also in agents/triage.yaml" in said


@pytest.mark.parametrize(
    "path", ["memory/other/notes.md", "memory/triage/../../bundle.yaml", "/etc/hostname", "x.md"]
)
def test_memory_files_lie_in_their_agents_folder(tree: Path, path: str) -> None:
    agent = tree / "agents" / "triage.yaml"
    agent.write_text(agent.read_text().replace("memory/triage/notes.md", path))
    assert "does not lie in memory/triage/" in str(refused(tree))


def test_a_link_out_of_the_tree_is_refused(tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text("mine")
    notes = tree / "memory" / "triage" / "notes.md"
    notes.unlink()
    notes.symlink_to(outside)
    assert "leads out of the tree" in str(refused(tree))


def test_a_file_that_is_not_text_is_refused(tree: Path) -> None:
    (tree / "workflows" / "cancel.yaml").write_bytes(b"name: \xff")
    assert "workflows/cancel.yaml: byte 6 is not UTF-8" in str(refused(tree))


def test_a_secret_in_a_memory_file_stops_the_build(tree: Path) -> None:
    leak = "ghp_" + "a" * 36
    (tree / "memory" / "triage" / "notes.md").write_text(f"be kind\ntoken {leak}\n")
    with pytest.raises(BundleSourceError, match=r"memory/triage/notes.md:2: .*GitHub token"):
        assemble(read_source(tree))


def test_every_stray_in_memory_is_told_at_once_and_nothing_else(tree: Path) -> None:
    memory = tree / "memory"
    (memory / "nobody").mkdir()
    strays = ["stray.md", "nobody/x", "triage/unnamed.md", "linked"]
    for name in strays[:3]:
        (memory / name).write_text("x")
    (memory / "linked").symlink_to(memory / "triage")
    (memory / "triage" / ".hidden").write_text("x")
    (tree / "agents" / "notes.txt").write_text("x")
    problems = refused(tree).each
    assert {str(each.where) for each in problems} == {
        "agents/notes.txt",
        *(f"memory/{name}" for name in strays),
    }


def test_what_a_refused_agent_may_name_is_not_told_as_stray(tree: Path) -> None:
    agent = tree / "agents" / "triage.yaml"
    agent.write_text(agent.read_text().replace("role:", "rule:"))
    assert "memory/triage/notes.md" not in str(refused(tree))
