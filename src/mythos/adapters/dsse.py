"""DSSE envelopes: bytes, what they mean, and one Ed25519 signature over both.

The signature covers payload *and* payload type, so evidence can never be replayed as a heartbeat
or a checkpoint. Reading is strict: these keys and no others, exactly one signature, canonical
base64 and JSON, so one signed payload has exactly one envelope and its bytes can be compared.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from pydantic import Field, ValidationError

from mythos.adapters.key_file import PublicKey, SigningKey
from mythos.errors import TrustError
from mythos.values.base import Value
from mythos.values.digest import canonical_bytes

_REMEDY = "it was damaged or altered on its way: send or copy it again from whoever signed it"


class _Signature(Value):
    keyid: Annotated[str, Field(max_length=128)]
    sig: Annotated[str, Field(max_length=128)]


class _Envelope(Value):
    payload: str
    payload_type: Annotated[str, Field(max_length=255)] = Field(alias="payloadType")
    signatures: Annotated[tuple[_Signature, ...], Field(min_length=1, max_length=1)]


def sign_envelope(payload: bytes, payload_type: str, key: SigningKey) -> bytes:
    """Wrap bytes in a signed envelope.

    Args:
        payload: any bytes.
        payload_type: what they mean, a media type.
        key: who says so.

    Returns:
        Canonical JSON; the same for the same payload, type and key.

    Source: DSSE protocol 1.0.2; envelope specification, JSON.
    """
    signature = key.sign(_pre_authentication(payload, payload_type))
    return canonical_bytes(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": payload_type,
            "signatures": [{"keyid": key.key_id, "sig": base64.b64encode(signature).decode()}],
        }
    )


def open_envelope(data: bytes, public_key: PublicKey, *, payload_type: str) -> bytes:
    """Verify an envelope and give its payload.

    Args:
        data: the envelope's bytes.
        public_key: who must have signed it.
        payload_type: what the payload must mean.

    Returns:
        The payload, as it was signed.

    Raises:
        TrustError: malformed, of another type, by another key, or the signature does not hold.
    """
    envelope = _parsed(data)
    if envelope.payload_type != payload_type:
        raise TrustError(
            f"the envelope holds {envelope.payload_type}, expected {payload_type}", remedy=_REMEDY
        )
    [signature] = envelope.signatures
    if signature.keyid != public_key.key_id:
        raise TrustError(
            f"the envelope names key {signature.keyid[:16]}…, expected {public_key.key_id[:16]}…",
            remedy="enrol the node again if its key was replaced",
        )
    payload = _decoded(envelope.payload)
    if not public_key.verify(
        _decoded(signature.sig), _pre_authentication(payload, envelope.payload_type)
    ):
        raise TrustError(
            f"the signature of key {signature.keyid[:16]}… does not hold", remedy=_REMEDY
        )
    return payload


def envelope_key_id(data: bytes) -> str:
    """The key an envelope *claims*, to choose which public key must verify it.

    Raises:
        TrustError: no envelope.
    """
    return _parsed(data).signatures[0].keyid


def unverified_payload(data: bytes) -> bytes:
    """The payload an envelope *claims*, to learn from it which key must then verify it.

    Raises:
        TrustError: no envelope.
    """
    return _decoded(_parsed(data).payload)


def _parsed(data: bytes) -> _Envelope:
    try:
        envelope = _Envelope.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the top"
        raise TrustError(f"no DSSE envelope: {first['msg']} at {place}", remedy=_REMEDY) from error
    if canonical_bytes(envelope.model_dump(mode="json", by_alias=True)) != data:
        raise TrustError("the envelope is not in canonical form", remedy=_REMEDY)
    return envelope


def _decoded(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise TrustError(f"no base64: {error}", remedy=_REMEDY) from error
    if base64.b64encode(data).decode() != text:
        raise TrustError("the base64 text has stray bits", remedy=_REMEDY)
    return data


def _pre_authentication(payload: bytes, payload_type: str) -> bytes:
    name = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)
