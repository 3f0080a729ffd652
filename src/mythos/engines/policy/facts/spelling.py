"""Spelling: which values are one key of `by`, and which may be.

| two texts that differ only in                                        | are                     |
|----------------------------------------------------------------------|-------------------------|
| white space at either end, letters composed or not (NFC)             | one key                 |
| case in a mail address, `mailto:` or a name before `<…>`             | one key                 |
| case in scheme and host of a link, its default port, an empty path   | one key                 |
| case and spaces in an IBAN whose check digits are right              | one key                 |
| case, width (NFKC), inner white space, signs that do not show; for   | perhaps one: what the   |
| links also scheme, `www.`, user part, trailing slash, fragment       | one did is a doubt of   |
|                                                                      | the other               |
| anything else                                                        | two keys                |

A tool may tell `w1` from `W1` or not, and nobody here knows. Were they one, who was let at `w1`
would be let at `W1`; were they two, a cap would be dodged by a capital. As a doubt they do neither.

Law: values of one spelling have one likeness.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache

from pydantic import JsonValue

from mythos.engines.policy.links import addresses, links, without_addresses, without_links

_URL = re.compile(
    r"([a-z][a-z0-9+.-]*)://(?:([^/?#@]*)@)?([^/?#@]*)(.*)", re.IGNORECASE | re.DOTALL
)
_SHORT = 200  # characters of a key that is worth remembering: an argument may be a megabyte
_MANY = 4_096  # such keys
_PASSES = 4  # what was folded may be read as a link: `ß://` is `ss://`
_PORTS = {"http": ":80", "https": ":443"}
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", re.ASCII)


def one_spelling(text: str) -> str:
    """A text as it is for all texts that are certainly the same key."""
    text = unicodedata.normalize("NFC", text).strip()
    if not text.isascii():
        return text
    found = addresses(text) if "@" in text else []
    if len(found) == 1 and not without_addresses(text, "").strip():
        return found[0]
    url = _URL.fullmatch(text)
    if url:
        scheme, user, host, rest = url.groups()
        host = host.lower().removesuffix(_PORTS.get(scheme.lower(), "\0"))
        named = "" if user is None else f"{user}@"
        return f"{scheme.lower()}://{named}{host}{rest or '/'}"
    packed = text.replace(" ", "").upper()
    return packed if _is_iban(packed) else text


def _is_iban(packed: str) -> bool:
    """Source: ISO 13616, check digits by ISO 7064 (mod 97-10)."""
    if not _IBAN.fullmatch(packed):
        return False
    return int("".join(str(int(each, 36)) for each in packed[4:] + packed[:4])) % 97 == 1


def likeness(text: str) -> str:
    """A text as it is for all texts that may be the same key."""
    for _ in range(_PASSES):
        before, text = text, _folded(text)
        if text == before:
            break
    return text


def _folded(text: str) -> str:
    text = one_spelling(text)
    found = links(text)
    if len(found) == 1 and not without_links(text, "").strip():
        text = found[0].key
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(c for c in folded if not c.isspace() and unicodedata.category(c) != "Cf")


def key_text(value: JsonValue) -> str:
    """One text for all values that are certainly one key; JSON. The order of a list is nothing."""
    if isinstance(value, str) and len(value) <= _SHORT:
        return _spelt(value)
    return _told(_mapped(value, one_spelling))


@lru_cache(maxsize=_MANY)
def _spelt(text: str) -> str:
    return _told(one_spelling(text))


def key_likeness(text: str) -> str:
    """What `key_text` gave, as it is for all values that may be one key."""
    return _remembered(text) if len(text) <= _SHORT else _likened(text)


def _likened(text: str) -> str:
    return _told(_mapped(json.loads(text), likeness))


_remembered = lru_cache(maxsize=_MANY)(_likened)


def _mapped(value: JsonValue, spelt: Callable[[str], str]) -> JsonValue:
    if isinstance(value, str):
        return spelt(value)
    if isinstance(value, list):
        return [_mapped(each, spelt) for each in value]
    if isinstance(value, Mapping):
        return {name: _mapped(each, spelt) for name, each in value.items()}
    return value


def _told(value: JsonValue) -> str:
    if isinstance(value, list):
        return f"[{','.join(sorted({_told(each) for each in value}))}]"
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
