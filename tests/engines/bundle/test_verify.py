from __future__ import annotations

import json
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.bundle.plan import ParsedSource, Part, assemble
from mythos.engines.bundle.report import Report
from mythos.engines.bundle.verify import check_bundle, examine
from mythos.errors import NotFoundError
from mythos.values.bundle import BundleSource, Descriptor
from mythos.values.digest import canonical_bytes, digest_of

BUNDLE = assemble(
    ParsedSource(
        BundleSource(name="care"),
        (
            Part("agent", "a", {"name": "a"}),
            Part("agent", "b", {"name": "b"}),
            Part("memory", "a/notes", b"raw \x00 bytes"),
        ),
        {},
    )
)
EVERY = ("manifest", "config", "index", "media types", "layers", "canonical form")


def check(manifest: bytes = BUNDLE.manifest, **replaced: bytes) -> Report:
    blobs = {**BUNDLE.blobs, **{key.replace("_", ":"): data for key, data in replaced.items()}}

    def read(digest: str) -> bytes:
        if digest not in blobs:
            raise NotFoundError(f"no {digest}", remedy="build it")
        return blobs[digest]

    return check_bundle(manifest, read)


def states(report: Report) -> dict[str, str]:
    return {item.name: item.state for item in report.checks}


def test_an_intact_bundle_passes_every_check() -> None:
    assert states(check()) == dict.fromkeys(EVERY, "pass")


@given(st.data())
def test_any_changed_byte_of_any_blob_is_refused(data: st.DataObject) -> None:
    digest = data.draw(st.sampled_from(sorted(BUNDLE.blobs)))
    blob = bytearray(BUNDLE.blobs[digest])
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    if digest == BUNDLE.digest:
        # An edited manifest may still be a well-formed one: then its digest is another.
        assert digest_of(bytes(blob)) != BUNDLE.digest
    else:
        assert not check(**{digest.replace(":", "_"): bytes(blob)}).passed


def test_a_missing_blob_is_named() -> None:
    digest = BUNDLE.constructs[0].digest
    report = check_bundle(
        BUNDLE.manifest, lambda wanted: b"" if wanted == digest else BUNDLE.blobs[wanted]
    )
    [failure] = report.failures
    assert failure.name == "layers"
    assert digest in failure.why


def test_a_manifest_with_white_space_is_not_canonical() -> None:
    loose = json.dumps(json.loads(BUNDLE.manifest), indent=1).encode()
    report = check(loose)
    assert states(report) == dict.fromkeys(EVERY, "skip") | {"manifest": "fail"}
    assert "not canonical" in report.checks[0].why


def test_a_manifest_with_a_repeated_key_is_refused() -> None:
    twice = BUNDLE.manifest.replace(b'{"annotations"', b'{"annotations":{},"annotations"', 1)
    assert not check(twice).passed


def test_an_ordinary_container_image_is_no_bundle() -> None:
    image = json.loads(BUNDLE.manifest)
    image["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json"
    assert "expected application/vnd.mythos" in check(canonical_bytes(image)).checks[0].why


def test_an_index_that_hides_a_layer_is_refused() -> None:
    config = json.loads(BUNDLE.config)
    del config["constructs"][0]
    shorter = canonical_bytes(config)
    manifest = json.loads(BUNDLE.manifest)
    manifest["config"] |= {"digest": digest_of(shorter), "size": len(shorter)}
    report = check(canonical_bytes(manifest), **{digest_of(shorter).replace(":", "_"): shorter})
    assert states(report)["index"] == "fail"


def test_a_layer_with_a_foreign_media_type_is_refused() -> None:
    manifest = json.loads(BUNDLE.manifest)
    manifest["layers"][0]["mediaType"] = "application/x-tar"
    found = states(check(canonical_bytes(manifest)))
    assert (found["media types"], found["index"]) == ("fail", "fail")


def test_a_document_that_was_signed_in_another_form_is_refused() -> None:
    loose = b'{"name": "a"}'
    manifest = json.loads(BUNDLE.manifest)
    manifest["layers"][0] |= {"digest": digest_of(loose), "size": len(loose)}
    report = check(canonical_bytes(manifest), **{digest_of(loose).replace(":", "_"): loose})
    assert states(report)["canonical form"] == "fail"


def test_reading_stops_behind_the_signed_size() -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 10
            yield b"x" * 10

    blob = Descriptor(media_type="application/x", digest="sha256:" + "0" * 64, size=25)
    assert "more than the signed 25" in examine(blob, endless()).broken
    assert taken == 30
