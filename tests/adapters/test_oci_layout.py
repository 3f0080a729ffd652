from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator  # type: ignore[import-untyped]
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from mythos.adapters.oci_layout import OciLayout
from mythos.engines.bundle.verify import check_bundle
from mythos.errors import BundleError, NotFoundError
from tests.adapters.fleet_site import bundle


@pytest.fixture
def layout(tmp_path: Path) -> OciLayout:
    layout = OciLayout(tmp_path / "layout")
    layout.replace(bundle())
    return layout


def blobs(layout: OciLayout) -> set[str]:
    return {f"sha256:{path.name}" for path in (layout.folder / "blobs" / "sha256").iterdir()}


def test_what_was_written_reads_back(layout: OciLayout) -> None:
    manifest = layout.manifest()
    assert manifest == bundle().manifest
    assert check_bundle(manifest, layout.read).passed
    assert blobs(layout) == set(bundle().blobs)


def test_a_second_build_replaces_the_first(layout: OciLayout) -> None:
    layout.replace(bundle(2, notes=b"be brief\n"))
    assert layout.manifest() == bundle(2, notes=b"be brief\n").manifest
    assert blobs(layout) == set(bundle(2, notes=b"be brief\n").blobs)


def test_a_store_keeps_every_version_and_each_once(layout: OciLayout) -> None:
    layout.add(bundle(2))
    layout.add(bundle(2))
    assert [entry.ref for entry in layout.entries()] == ["care-1", "care-2"]
    with pytest.raises(BundleError, match="holds 2 bundles"):
        layout.manifest()


def test_a_damaged_blob_is_written_again(layout: OciLayout) -> None:
    digest = bundle().constructs[0].digest
    layout.blob(digest).write_bytes(b"damaged")
    layout.replace(bundle())
    assert check_bundle(layout.manifest(), layout.read).passed


@pytest.mark.parametrize("digest", ["sha256:../../../etc/passwd", "sha256:" + "A" * 64, "md5:1"])
def test_only_a_digest_names_a_blob(layout: OciLayout, digest: str) -> None:
    with pytest.raises(BundleError, match="is no digest"):
        layout.read(digest)


def test_an_empty_folder_holds_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="holds no bundle"):
        OciLayout(tmp_path).manifest()


def validator(schemas: Path, name: str) -> Draft4Validator:
    """The published schema; their references are relative, so only the last part counts."""

    def retrieve(uri: str) -> Resource[Any]:
        text = (schemas / uri.rsplit("/", 1)[-1]).read_text()
        return Resource.from_contents(json.loads(text), default_specification=DRAFT4)

    registry: Registry[Any] = Registry(retrieve=retrieve)  # type: ignore[call-arg]
    return Draft4Validator({"$ref": f"https://opencontainers.org/{name}"}, registry=registry)


@pytest.mark.parametrize(
    ("file", "schema"),
    [("oci-layout", "image-layout-schema.json"), ("index.json", "image-index-schema.json")],
)
def test_layout_and_index_follow_the_published_schemas(
    layout: OciLayout, shared: Path, file: str, schema: str
) -> None:
    document = json.loads((layout.folder / file).read_text())
    validator(shared / "data" / "oci-image-spec", schema).validate(document)


def test_the_manifest_follows_the_published_schema(layout: OciLayout, shared: Path) -> None:
    schema = validator(shared / "data" / "oci-image-spec", "image-manifest-schema.json")
    schema.validate(json.loads(layout.manifest()))
    assert not schema.is_valid({"schemaVersion": 2, "layers": []})


def test_skopeo_copies_the_layout_without_changing_the_manifest(
    layout: OciLayout, tmp_path: Path
) -> None:
    skopeo = shutil.which("skopeo")
    if skopeo is None:
        pytest.skip("skopeo is not installed: run `make test-deps`")
    [entry] = layout.entries()
    copy = tmp_path / "copy"
    subprocess.run(
        [
            skopeo,
            "copy",
            "--insecure-policy",
            f"oci:{layout.folder}:{entry.ref}",
            f"oci:{copy}:{entry.ref}",
        ],
        check=True,
        capture_output=True,
    )
    assert OciLayout(copy).manifest() == layout.manifest()
