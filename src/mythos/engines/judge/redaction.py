"""What a sample may not show: secrets, card numbers, account numbers.

Samples leave the host, so values are masked before they are kept. The rules are fixed in this
version: an argument whose name says it is a secret is masked whole; anywhere in a text, known
secret shapes are masked, and of card numbers (Luhn) and IBANs the last four characters stay.
Redaction comes after judging: policies see what the agent sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mythos.engines.telemetry.masking import is_masked
from mythos.values.event import Json

MASK = "[masked]"
_FOUR = "••••"
_MAX_DEPTH = 60
_SECRET_NAME = re.compile(
    r"(^|[_\-.])(pass(words?|wd|phrase|code)?|secrets?|token|api[_-]?keys?|apikey|authorization|"
    r"cookies?|credentials?|private[_-]?key|cvv|cvc|pin)($|[_\-.])",
    re.IGNORECASE,
)
_SECRET_SHAPE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)"
    r"|\b(sk|rk|pk)[-_][A-Za-z0-9_-]{16,}"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
    r"|\bBearer [A-Za-z0-9._~+/-]{16,}=*",
    re.DOTALL,
)
_CARD = re.compile(r"(?<![0-9A-Za-z])[0-9](?:[ -]?[0-9]){12,18}(?![0-9A-Za-z])")
_IBAN = re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")


def redacted(arguments: Mapping[str, Json]) -> dict[str, Json]:
    """Arguments as a sample may show them.

    Args:
        arguments: a call's arguments.

    Returns:
        The same names; masked values where a rule says so, others unchanged.
    """
    return {name: _value(name, value, _MAX_DEPTH) for name, value in arguments.items()}


def is_redacted(value: Json) -> bool:
    """Whether a sample's value stands for another: two unlike values may then look alike."""
    if isinstance(value, str):
        return MASK in value or _FOUR in value or is_masked(value)
    if isinstance(value, Mapping):
        return any(map(is_redacted, value.values()))
    return isinstance(value, list) and any(map(is_redacted, value))


def redacted_text(text: str) -> str:
    """A text with secret shapes masked, and card numbers and IBANs down to their last four."""
    text = _SECRET_SHAPE.sub(MASK, text)
    text = _CARD.sub(lambda found: _last_four(found[0]) if _is_card(found[0]) else found[0], text)
    return _IBAN.sub(lambda found: _last_four(found[0]) if _is_iban(found[0]) else found[0], text)


def _value(name: str, value: Json, depth: int) -> Json:
    if depth == 0 or (_SECRET_NAME.search(name) and value is not None):
        return MASK
    if isinstance(value, str):
        return redacted_text(value)
    if isinstance(value, int) and not isinstance(value, bool) and _is_card(str(value)):
        return _last_four(str(value))
    if isinstance(value, Mapping):
        return {key: _value(key, inner, depth - 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_value("", inner, depth - 1) for inner in value]
    return value


def _last_four(text: str) -> str:
    return f"{_FOUR} {re.sub(r'[ -]', '', text)[-4:]}"


def _is_card(text: str) -> bool:
    """Luhn's check over 13 to 19 digits (ISO/IEC 7812-1, annex B)."""
    digits = [int(one) for one in text if one.isdigit()]
    if not 13 <= len(digits) <= 19:
        return False
    doubled = [2 * one - 9 * (one > 4) for one in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_iban(text: str) -> bool:
    """The check digits of ISO 13616: the number, first four last, is 1 modulo 97."""
    plain = text.replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(one, 36)) for one in plain[4:] + plain[:4])) % 97 == 1
