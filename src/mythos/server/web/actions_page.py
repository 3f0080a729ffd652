"""The page of what operators did: newest first, and whether the log holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from mythos.server.actions.ledger import Checked, check, newest
from mythos.server.web.answers import answer, signed_in
from mythos.values.action import OperatorAction

PER_PAGE = 50
_LARGEST = 2**53


@dataclass(frozen=True, slots=True)
class Done:
    """One action as it is shown."""

    number: int
    at: datetime
    by: str
    action: str
    subject: str
    why: str
    details: dict[str, str]


@dataclass(frozen=True, slots=True)
class ActionsPage:
    """The newest actions, or those before a number."""

    at: datetime
    command: str
    actions: tuple[Done, ...]
    checked: Checked
    older: int | None


@require_safe
@signed_in
def actions(request: HttpRequest) -> HttpResponse:
    """What operators did."""
    return answer(request, "web/actions.html", _page(_before(request.GET.get("before", ""))))


def _page(before: int | None) -> ActionsPage:
    checked = check()
    found = [] if checked.problem else newest(limit=PER_PAGE + 1, before=before)
    return ActionsPage(
        at=timezone.now(),
        command="mythos actions verify",
        actions=tuple(map(_done, found[:PER_PAGE])),
        checked=checked,
        older=found[PER_PAGE - 1].seq if len(found) > PER_PAGE else None,
    )


def _done(entry: OperatorAction) -> Done:
    at = datetime.fromtimestamp(entry.ts / 1_000, UTC)
    return Done(
        entry.seq, at, entry.by, entry.action, entry.subject, entry.why, dict(entry.details)
    )


def _before(given: str) -> int | None:
    number = int(given) if given.isascii() and given.isdecimal() and len(given) < 17 else None
    return number if number is None or number <= _LARGEST else None
