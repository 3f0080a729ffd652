from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope

from mythos.adapters.dsse import envelope_key_id, open_envelope, sign_envelope
from mythos.adapters.key_file import SigningKey, create_key
from mythos.errors import TrustError
from mythos.values.digest import canonical_bytes

TYPE = "application/vnd.mythos.evidence.v1+json"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return create_key(tmp_path_factory.mktemp("keys") / "node.pem")


@given(payload=st.binary())
def test_what_was_signed_comes_out_again(key: SigningKey, payload: bytes) -> None:
    envelope = sign_envelope(payload, TYPE, key)
    assert open_envelope(envelope, key.public, payload_type=TYPE) == payload
    assert sign_envelope(payload, TYPE, key) == envelope


def test_another_implementation_accepts_the_signature(key: SigningKey) -> None:
    envelope = Envelope.from_dict(json.loads(sign_envelope(b"{}", TYPE, key)))
    assert envelope.verify([key.signer.public_key], 1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_changed_byte_is_accepted(key: SigningKey, data: st.DataObject) -> None:
    envelope = bytearray(sign_envelope(b'{"rows": 1}', TYPE, key))
    envelope[data.draw(st.integers(0, len(envelope) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(TrustError):
        open_envelope(bytes(envelope), key.public, payload_type=TYPE)


def test_another_nodes_signature_is_refused(key: SigningKey, tmp_path: Path) -> None:
    other = create_key(tmp_path / "other.pem")
    envelope = sign_envelope(b"{}", TYPE, other)
    assert envelope_key_id(envelope) == other.key_id
    with pytest.raises(TrustError, match="names key"):
        open_envelope(envelope, key.public, payload_type=TYPE)


def test_a_key_id_that_was_written_over_is_refused(key: SigningKey, tmp_path: Path) -> None:
    other = create_key(tmp_path / "other.pem")
    document = json.loads(sign_envelope(b"{}", TYPE, other))
    document["signatures"][0]["keyid"] = key.key_id
    with pytest.raises(TrustError, match="does not hold"):
        open_envelope(canonical_bytes(document), key.public, payload_type=TYPE)


def test_a_payload_of_another_type_is_refused(key: SigningKey) -> None:
    with pytest.raises(TrustError, match="expected application/other"):
        open_envelope(sign_envelope(b"{}", TYPE, key), key.public, payload_type="application/other")


@pytest.mark.parametrize("change", ["twice", "none", "extra", "spaced"])
def test_only_one_form_of_an_envelope_is_accepted(key: SigningKey, change: str) -> None:
    document = json.loads(sign_envelope(b"{}", TYPE, key))
    if change == "twice":
        document["signatures"] *= 2
    elif change == "none":
        document["signatures"] = []
    elif change == "extra":
        document["note"] = "x"
    data = json.dumps(document).encode() if change == "spaced" else canonical_bytes(document)
    with pytest.raises(TrustError):
        open_envelope(data, key.public, payload_type=TYPE)
