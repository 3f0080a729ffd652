"""Links and mail addresses in a text, each in one spelling.

A link is a host with what follows it: written with a scheme, with `www.`, with a path after a
dotted name, or as a bare name under a common top-level domain. Scheme, `www.`, user part, default
port, trailing slash and fragment do not matter; case matters only in path and query. One link
*covers* another when it names the same host and a beginning of its path.

Law: what a browser would open decides the host: `https://good.example@evil.example` is a link to
`evil.example`, and a backslash is read as `/`. Reading is linear in the text: every repetition is
bounded, and none begins inside a word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

_HOST = r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,20}[^\W\d_]{2,24}"
_BARE_HOST = (
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,20}(?:com|org|net|info|biz|io|edu|gov)\b"
)
_REST = r"[^\s<>\"'`|^{}]*"
_LINK = re.compile(
    rf"[a-z][a-z0-9+.-]{{1,15}}://{_REST}"
    rf"|(?<![\w@.-])(?:www\.{_HOST}(?::\d+)?(?:[/?#]{_REST})?"
    rf"|{_HOST}(?::\d+)?[/?]{_REST}"
    rf"|{_BARE_HOST}(?!\.\w|@))",
    re.IGNORECASE,
)
_RUN_ON = re.compile(rf"(?<![\w@.-]){_BARE_HOST}(?=\.[A-Z])")
_ADDRESS = re.compile(rf"(?<![\w.%+-])[\w.%+-]{{1,64}}@{_HOST}")
_NAMED_ADDRESS = re.compile(rf"[^<>,;@]{{0,100}}<\s*(?:mailto:)?{_ADDRESS.pattern}\s*>")
_MAILTO = re.compile(r"\bmailto:", re.IGNORECASE)
_CLOSING = ".,;:!?)]}*_"
_DEFAULT_PORT = re.compile(r":(?:80|443)$")
_MAX_SEGMENTS = 32


@dataclass(frozen=True, slots=True)
class Link:
    """A host (lower case, no `www.`), the segments of its path, and the query."""

    host: str
    path: tuple[str, ...] = ()
    query: str = ""

    @property
    def key(self) -> str:
        """One spelling of the whole link."""
        return "/".join((self.host, *self.path)) + (f"?{self.query}" if self.query else "")

    def covering(self) -> Iterator[str]:
        """Keys of the links that cover this one: itself, its host, and each beginning of it."""
        yield self.key
        for length in range(min(len(self.path), _MAX_SEGMENTS) + 1):
            yield "/".join((self.host, *self.path[:length]))


def links(text: str) -> list[Link]:
    """The links of a text, in order, repeats included."""
    return _made(_LINK, text)


def mentions(text: str) -> list[Link]:
    """The links that a text may mean: `links`, and those that a missing space ran on.

    `see www.shop.example.com.They said` names `shop.example.com` too. For texts that were seen,
    never for a value that is sent: there the host is what it says.
    """
    return [*links(text), *_made(_RUN_ON, text)]


def addresses(text: str) -> list[str]:
    """The mail addresses of a text, case-folded, in order."""
    if "@" not in text:
        return []
    return [_folded(found[0].strip(".")) for found in _ADDRESS.finditer(text)]


def without_addresses(text: str, instead: str) -> str:
    """A text without its mail addresses and the names that go with them (`Ada <ada@x.example>`)."""
    if "@" in text:
        text = _ADDRESS.sub(instead, _NAMED_ADDRESS.sub(instead, text))
    return _MAILTO.sub(instead, text)


def without_links(text: str, instead: str) -> str:
    """A text without its links."""
    return _LINK.sub(instead, text) if _may_hold_links(text) else text


def _may_hold_links(text: str) -> bool:
    """Whether a text holds what every link holds: far sooner found than a link."""
    return "." in text or "://" in text


def _made(pattern: re.Pattern[str], text: str) -> list[Link]:
    if not _may_hold_links(text):
        return []
    found = (_link(match[0]) for match in pattern.finditer(text))
    return [link for link in found if link.host]


def _link(written: str) -> Link:
    text = written.replace("\\", "/").rstrip(_CLOSING)
    _, scheme, after = text.partition("://")
    whole, _, _ = (after if scheme else text).partition("#")
    location, _, query = whole.partition("?")
    authority, _, path = location.partition("/")
    host = _DEFAULT_PORT.sub("", _folded(authority.rpartition("@")[2])).rstrip(".")
    return Link(host.removeprefix("www."), tuple(filter(None, path.split("/"))), query)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
