"""Benign marks of a policy set: what each silences, who says so, and whether it still stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import orjson

from mythos.server.resilience.models import BenignMark

MarkState = Literal["standing", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class MarkShown:
    """One mark; `ended_by` and `ended_why` are of its revocation."""

    number: int
    state: MarkState
    environment: str
    agent: str
    rule: str
    tool: str
    arguments: tuple[tuple[str, str], ...]
    host: str
    span_id: str
    why: str
    made_by: str
    made_at: datetime
    expires_at: datetime
    ended_by: str
    ended_why: str
    ended_at: datetime | None


def mark_shown(mark: BenignMark, *, at: datetime) -> MarkShown:
    """A mark as the page and a program see it."""
    ended = getattr(mark, "revocation", None)
    state: MarkState = "revoked" if ended else "standing" if mark.expires_at > at else "expired"
    return MarkShown(
        number=mark.pk,
        state=state,
        environment=mark.environment,
        agent=mark.agent,
        rule=mark.rule,
        tool=mark.tool,
        arguments=tuple((name, orjson.dumps(v).decode()) for name, v in mark.arguments.items()),
        host=mark.node_id,
        span_id=mark.sample.get("span_id", ""),
        why=mark.why,
        made_by=mark.made_by,
        made_at=mark.made_at,
        expires_at=mark.expires_at,
        ended_by=ended.made_by if ended else "",
        ended_why=ended.why if ended else "",
        ended_at=ended.made_at if ended else None,
    )
