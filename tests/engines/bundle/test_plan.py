from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.bundle.inventory import inventory, launch_path
from mythos.engines.bundle.plan import ParsedSource, Part, assemble
from mythos.errors import BundleError, BundleSourceError
from mythos.values.bundle import MAX_LAYERS, BundleSource, Construct
from mythos.values.digest import JsonValue

HEAD = BundleSource(name="care", version=3, labels={"tier": "gold"}, destinations=("env:lab",))
PARTS = (
    Part("agent", "triage", {"name": "triage", "role": "sorts"}),
    Part("memory", "triage/notes.md", b"be kind\n"),
    Part("policy_set", "care-rules", {"policy_set": "care-rules", "version": 2}, version=2),
    Part("tools", "retail/care", {"domain": "retail/care", "tools": []}),
    Part("workflow", "cancel", {"schema": "mythos.ritual/1", "name": "cancel"}),
)


def source(*parts: Part, files: dict[str, bytes] | None = None) -> ParsedSource:
    return ParsedSource(HEAD, parts, files or {})


@given(st.randoms(use_true_random=False))
def test_the_order_in_which_constructs_are_read_does_not_matter(shuffle: random.Random) -> None:
    parts = list(PARTS)
    shuffle.shuffle(parts)
    assert assemble(source(*parts)) == assemble(source(*PARTS))


def test_the_order_of_keys_in_a_document_does_not_matter() -> None:
    one = Part("agent", "a", {"name": "a", "role": "r"})
    other = Part("agent", "a", {"role": "r", "name": "a"})
    assert assemble(source(one)).digest == assemble(source(other)).digest


@pytest.mark.parametrize("index", range(len(PARTS)))
def test_any_changed_construct_changes_the_digest(index: int) -> None:
    changed = list(PARTS)
    part = changed[index]
    other: JsonValue | bytes = b"be unkind\n" if part.kind == "memory" else {"name": "other"}
    changed[index] = Part(part.kind, part.name, other, part.version)
    assert assemble(source(*changed)).digest != assemble(source(*PARTS)).digest


def test_the_inventory_lists_what_went_in() -> None:
    bundle = assemble(source(*PARTS))
    listed = inventory(bundle.manifest, bundle.config)
    assert listed == bundle.constructs
    assert [(c.kind, c.name, c.version) for c in listed] == [
        ("agent", "triage", 1),
        ("memory", "triage/notes.md", 1),
        ("policy_set", "care-rules", 2),
        ("tools", "retail/care", 1),
        ("workflow", "cancel", 1),
    ]


def test_a_config_of_another_bundle_is_refused() -> None:
    with pytest.raises(BundleError, match="the manifest names"):
        inventory(assemble(source(*PARTS)).manifest, assemble(source(PARTS[0])).config)


def test_two_constructs_of_one_name_are_refused() -> None:
    twin = Part("agent", "triage", {"name": "triage"}, path="agents/two.yaml")
    with pytest.raises(BundleSourceError, match=r"agents/two.yaml: agent 'triage' is also in"):
        assemble(source(PARTS[0], twin))


def test_an_empty_tree_is_refused() -> None:
    with pytest.raises(BundleError, match="0 constructs"):
        assemble(source())


def test_more_layers_than_registries_take_are_refused() -> None:
    many = (Part("memory", f"a/{n}", b"") for n in range(MAX_LAYERS + 1))
    with pytest.raises(BundleError, match="10001 constructs") as caught:
        assemble(source(*many))
    assert "split" in caught.value.remedy


def test_a_manifest_over_four_mebibytes_is_refused() -> None:
    many = (Part("memory", f"{'a' * 400}/{n}", b"") for n in range(MAX_LAYERS))
    with pytest.raises(BundleError, match="more than 4194304"):
        assemble(source(*many))


def test_documents_and_memory_files_have_a_place_in_the_launched_tree() -> None:
    bundle = assemble(source(*PARTS))
    assert [launch_path(construct) for construct in bundle.constructs] == [
        "agents/triage.json",
        "memory/triage/notes.md",
        "policies/care-rules.json",
        "tools/retail/care.json",
        "workflows/cancel.json",
    ]


@pytest.mark.parametrize("name", ["../etc/x", "a/../../x", "/etc/x", "a//b", "a\\b", "a\nb", ""])
def test_a_name_that_could_step_out_of_the_launched_tree_is_refused(name: str) -> None:
    construct = Construct(kind="memory", name=name, digest="sha256:" + "0" * 64, size=1)
    with pytest.raises(BundleError, match="no relative path"):
        launch_path(construct)
