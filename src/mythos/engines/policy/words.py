r"""Words of a text, spelt in one way, so that a value is found however it was written.

Law: the same rules read a text and a value, so equal spellings give equal words.

| written                                     | read as                                       |
|---------------------------------------------|-----------------------------------------------|
| any case and width, any white space         | NFKC, case-folded                             |
| runs of letters and digits                  | a word each; all else only parts words        |
| Han, kana, Hangul, emoji                    | a word a sign, as no spaces part them         |
| `\n`, `\t`, `\"`, `\u00e9` in a quoted text     | what they stand for                           |
| `12.50`, `100.0`                            | `12.5`, `100`                                 |
| `DE89 3704 0044 0532 0130 00` (an IBAN)     | one word                                      |

No word is translated and no date is read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_SIGN = "\u2190-\u2bff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U0001f000-\U0001faff"
_WORD = re.compile(rf"[{_SIGN}]|[^\W_{_SIGN}]+")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_TRAILING_ZEROS = re.compile(r"(?<![\w.])(\d+)(?:\.0+|(\.\d*?[1-9])0+)(?![\w.])")
# ISO 13616: a printed IBAN stands in groups of four
_PRINTED_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?\b")
_NUMBER = re.compile(r"[+(]?\d(?:[ ()./-]{0,2}\d){7,}")
_SPELT = re.compile(r"[+()\d ./-]+")


def plain(text: str) -> str:
    """A text with its escapes resolved: of JSON, YAML and Python literals that hold texts."""
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(found: re.Match[str]) -> str:
    if code := found[1] or found[2]:
        char = chr(int(code, 16))
        return " " if 0xD800 <= ord(char) <= 0xDFFF else char
    return " " if found[3] in "abefnrtv \r\n" else found[3]


def words(text: str) -> tuple[str, ...]:
    """The words of a plain text, in order."""
    text = unicodedata.normalize("NFKC", text)
    text = _PRINTED_IBAN.sub(lambda found: found[0].replace(" ", ""), text)
    text = _TRAILING_ZEROS.sub(lambda found: found[1] + (found[2] or ""), text)
    return tuple(_WORD.findall(text.casefold()))


def numbers(text: str) -> Iterator[str]:
    """Digits of every long number, however grouped: telephone, card and account numbers."""
    for found in _NUMBER.finditer(text):
        yield "".join(filter(str.isdigit, found[0]))


def only_number(text: str) -> str:
    """The digits of a text that is one long number; empty for any other."""
    text = text.strip()
    found = "".join(filter(str.isdigit, text)) if _SPELT.fullmatch(text) else ""
    return found if len(found) >= 8 else ""
