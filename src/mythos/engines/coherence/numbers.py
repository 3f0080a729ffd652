"""Cedar's numbers as integers: literals of decimal, datetime and duration, and their methods.

Source: Cedar policy language reference, "Extension functions"; RFC 80 (datetime).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

from mythos.engines.coherence.symbols import Number
from mythos.engines.coherence.terms import Bank, Bool, Int

LEAST, MOST = -(2**63), 2**63 - 1
DAY_MS = 86_400_000
YEAR_1_MS = -62_135_596_800_000  # 0001-01-01T00:00:00Z
YEAR_9999_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
_UNITS = {"d": DAY_MS, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_DECIMAL = re.compile(r"(-?)([0-9]+)\.([0-9]{1,4})", re.ASCII)
_DURATION = re.compile(r"(-?)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII)
_DATETIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(?:\.(\d{3}))?(Z|[+-]\d{4}))?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def literal(kind: str, text: str) -> int | None:
    """The integer of `decimal("…")`, `datetime("…")` or `duration("…")`; None for an error."""
    value = {"decimal": _decimal, "datetime": _datetime, "duration": _duration}[kind](text)
    return value if value is not None and LEAST <= value <= MOST else None


def _decimal(text: str) -> int | None:
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return None
    sign, whole, part = match.groups()
    value = int(whole) * 10_000 + int(part.ljust(4, "0"))
    return -value if sign else value


def _duration(text: str) -> int | None:
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()[1:]):
        return None
    sign, *amounts = match.groups()
    value = sum(int(n or 0) * ms for n, ms in zip(amounts, _UNITS.values(), strict=True))
    return -value if sign else value


def _datetime(text: str) -> int | None:
    match = _DATETIME.fullmatch(text)
    if match is None:
        return None
    *parts, milli, zone = match.groups()
    year, month, day, hour, minute, second = (int(each or 0) for each in parts)
    shift = _shift(zone)
    if shift is None:
        return None
    try:  # Python begins at year 1, Cedar at year 0, a leap year as 400 is
        moment = datetime(year or 400, month, day, hour, minute, second, tzinfo=shift)
    except ValueError:
        return None
    since = (moment - _EPOCH) // _MS + int(milli or 0)
    return since if year else since - 400 * 146_097 * DAY_MS // 400


def _shift(zone: str | None) -> timezone | None:
    if zone in {None, "Z"}:
        return UTC
    hours, minutes = int(zone[1:3]), int(zone[3:])
    if hours > 23 or minutes > 59:
        return None
    ahead = timedelta(hours=hours, minutes=minutes)
    return timezone(-ahead if zone.startswith("-") else ahead)


def written(kind: str, value: int) -> str:
    """The text of a decimal or a datetime, as a literal holds it."""
    if kind == "decimal":
        whole, part = divmod(abs(value), 10_000)
        return f"{'-' if value < 0 else ''}{whole}.{part:04d}"
    days, ms = divmod(value, DAY_MS)
    shifted = days < (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH).days
    moment = _EPOCH + timedelta(days=days + (146_097 if shifted else 0), milliseconds=ms)
    year = moment.year - (400 if shifted else 0)
    return f"{year:04d}-{moment:%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def fits(bank: Bank, term: Int) -> Bool:
    """Whether an unbounded result fits in 64 bits: else Cedar reports an overflow."""
    return bank.between(LEAST, term, MOST)


def truncated(bank: Bank, term: Int, by: int) -> Int:
    """The quotient rounded toward zero, as Cedar's `toHours()` and its like."""
    up = bank.scale(-1, bank.floor_div(bank.scale(-1, term), by))
    return bank.pick(bank.le(0, term), bank.floor_div(term, by), up)


def to_date(bank: Bank, moment: Int) -> tuple[Number, Bool]:
    """Midnight of a datetime's day, and whether that can be said."""
    day = bank.scale(DAY_MS, bank.floor_div(moment, DAY_MS))
    return Number("datetime", day), fits(bank, day)


def to_time(bank: Bank, moment: Int) -> tuple[Number, Bool]:
    """The time of day."""
    day = bank.scale(-DAY_MS, bank.floor_div(moment, DAY_MS))
    return Number("duration", bank.add(moment, day)), True


def _in_units(by: int) -> Callable[[Bank, Int], tuple[Number, Bool]]:
    return lambda bank, term: (Number("Long", truncated(bank, term, by)), True)


# method -> (kind of the receiver, what it computes)
UNARY: dict[str, tuple[str, Callable[[Bank, Int], tuple[Number, Bool]]]] = {
    "toDate": ("datetime", to_date),
    "toTime": ("datetime", to_time),
    "toMilliseconds": ("duration", _in_units(1)),
    "toSeconds": ("duration", _in_units(1_000)),
    "toMinutes": ("duration", _in_units(60_000)),
    "toHours": ("duration", _in_units(3_600_000)),
    "toDays": ("duration", _in_units(DAY_MS)),
}
