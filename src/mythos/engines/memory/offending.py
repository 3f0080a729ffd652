"""What the log says of a key that is not as logged, and what was found, in words for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mythos.values.memory import Offender

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def logged_in_words(offender: Offender) -> str:
    """The newest entry of the key: its number, what was done, for whom, when, and why."""
    if offender.seq is None:
        return "no entry"
    parts = [f"entry {offender.seq}", f"{offender.op} on behalf of {offender.source}"]
    if (at := logged_at(offender)) is not None:
        parts.append(f"{at:%Y-%m-%d %H:%M:%S}Z")
    if offender.trace_id:
        parts.append(f"trace {offender.trace_id}")
    if offender.policy_ref:
        parts.append(f"decision {offender.policy_ref}")
    return ", ".join(parts)


def logged_at(offender: Offender) -> datetime | None:
    """When the entry was written, by the node's clock; None where it does not say."""
    return None if offender.ts is None else _EPOCH + timedelta(milliseconds=offender.ts)


def found_in_words(offender: Offender) -> str:
    """The hash of the live content, or why there is none to compare with what is logged."""
    if offender.kind == "missing":
        return "not there"
    if offender.kind == "unlogged":
        gone = offender.seq is not None and offender.logged is None
        return "there, though it is logged as gone" if gone else "there, and logged nowhere"
    return offender.found or "there; it cannot be read, or the salt to compare under is gone"
