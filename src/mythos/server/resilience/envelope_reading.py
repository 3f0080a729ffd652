"""Signed bytes as an envelope, with nothing in it that the database cannot hold."""

from __future__ import annotations

import re

from pydantic import JsonValue, ValidationError

from mythos.errors import EvidenceError
from mythos.values.evidence import Envelope, Row

_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def read_envelope(payload: bytes) -> Envelope:
    """Read an envelope. Where its texts hold a NUL, which no PostgreSQL does, U+FFFD stands.

    Else an agent could silence its host by the arguments of a call. Tails are hashed, and stay.

    Raises:
        EvidenceError: it is no `mythos.evidence/1`.
    """
    try:
        envelope = Envelope.model_validate_json(payload)
        if b"\\u0000" not in payload:
            return envelope
        plain = Envelope.model_validate_json(_NUL.sub(rb"\1\\ufffd", payload))
        rows = tuple(map(_of_one_class, plain.rows))
        return plain.model_copy(update={"rows": rows, "tails": envelope.tails})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise EvidenceError(
            f"not a mythos.evidence/1 envelope: {where}: {first['msg']}",
            remedy="update the node to the version of this control plane",
        ) from None


def _of_one_class(row: Row) -> Row:
    """Of two keys that have one name now, the later stands, and what is told of the other goes."""
    keys, told = row.body.get("keys"), row.body.get("offenders")
    if row.kind != "memory" or not isinstance(keys, dict) or not isinstance(told, list):
        return row
    classes = list(keys.items())
    kept: list[JsonValue] = [
        each
        for each in told
        if not isinstance(each, dict) or (each.get("key"), each.get("kind")) in classes
    ]
    return row.model_copy(update={"body": {**row.body, "offenders": kept}})
