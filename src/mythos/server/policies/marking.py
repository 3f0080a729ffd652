"""What an operator's forms and links ask of benign marks, checked and bounded once."""

from __future__ import annotations

import re
from datetime import datetime

from django.http import QueryDict

from mythos.engines.policy.identity import canonical
from mythos.errors import UsageError
from mythos.server.deployment.pages.text import text_of
from mythos.server.policies.exceptions import next_version
from mythos.server.policies.pages.facts import PolicyFact
from mythos.server.resilience.marks import CallRef, MarkOrder
from mythos.server.resilience.models import BenignMark
from mythos.server.resilience.standing_marks import mark_of

MAX_ARGUMENTS = 100
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def order_of(digest: str, form: QueryDict) -> MarkOrder:
    """Read the form of a mark.

    Raises:
        UsageError: a field is missing or no number.
    """
    names = form.getlist("argument")[:MAX_ARGUMENTS]
    return MarkOrder(
        call=CallRef(
            node_id=_text(form, "host"),
            policy_set=digest.replace("\x00", ""),
            at_s=_whole(form, "at"),
            span_id=_text(form, "span"),
        ),
        arguments=tuple(dict.fromkeys(name.replace("\x00", "") for name in names)),
        why=form.get("why", "").replace("\x00", ""),
        days=_whole(form, "days"),
    )


def document_for(policy: PolicyFact, mark: str, *, at: datetime) -> tuple[str, str]:
    """File name and text of the next version: with one mark, or with all that stand.

    Raises:
        UsageError: `mark` is no number.
        NotFoundError: there is no such mark on this set.
    """
    if mark:
        marks = [mark_of(_number(mark, "mark"), policy_set=policy.digest)]
    else:
        marks = list(
            BenignMark.objects.filter(policy_set=policy.digest)
            .select_related("revocation")
            .order_by("pk")
        )
    text = next_version(policy, marks, at=at)
    return file_name(policy, policy.policy_set.version + 1), text


def document_of(policy: PolicyFact) -> tuple[str, str]:
    """File name and text of a policy set as it is."""
    return file_name(policy, policy.policy_set.version), text_of(canonical(policy.policy_set))


def file_name(policy: PolicyFact, version: int) -> str:
    """What a version of a policy set is called as a file."""
    return f"{_UNSAFE.sub('-', policy.policy_set.policy_set)}-v{version}.yaml"


def _text(form: QueryDict, name: str) -> str:
    return form.get(name, "").replace("\x00", "")[:300]


def _whole(form: QueryDict, name: str) -> int:
    return _number(form.get(name, ""), name)


def _number(given: str, name: str) -> int:
    if given.isascii() and given.isdigit() and len(given) <= 12:
        return int(given)
    raise UsageError(
        f"{name}={given[:20]!r} is no whole number",
        remedy="use the form on the drawer of the violation",
    )
