"""Licence: whether anything the user said speaks of what a tool does.

A tool is licensed when a word stem of its name, or of the first line of its description, occurs
in the user's text so far. A coarse test on purpose: it needs no knowledge of the domain and finds
actions that nothing in the request leads to. It knows English endings only, so words of other
languages match as written; it does not understand negation.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from mythos.values.tools import Tool

_WORD = re.compile(r"[^\W\d_]{3,}")
_SHORT_HYPHEN = re.compile(r"(?<=\b[^\W\d_])-(?=[^\W\d_])")  # e-mail, t-shirt
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SENTENCE_WORDS = """
    all also and any are can could did does for from had has have her him his how into its just
    may more must not now off one only our out over per please shall she should some such than
    that the their them then there these they this those through too two under until upon use
    used uses using via want was way were what when where which while who why will with within
    without would yes yet you your
"""
_TOOL_WORDS = """
    argument arguments boolean call called case data default dict exist exists false field fields
    function get given input integer item items list none null number object optional otherwise
    output parameter parameters result results schema set specific specified string system tool
    true type user users value values
"""
STOP_WORDS = frozenset(_SENTENCE_WORDS.split()) | frozenset(_TOOL_WORDS.split())
_ENDINGS = (
    "ications", "ication", "ations", "ation", "ments", "ment", "ings", "ions", "ing", "ion",
    "ies", "ied", "als", "al", "es", "ed", "s", "e", "y",
)  # fmt: skip


def stem(word: str) -> str:
    """A word without its English ending, of at least three letters, last letter not doubled.

    `cancel`, `cancels`, `cancelled`, `cancelling` and `cancellation` have one stem.
    """
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word.removesuffix(ending)
            break
    return word[:-1] if len(word) > 2 and word[-1] == word[-2] else word


def stems(text: str) -> frozenset[str]:
    """Stems of the words of three letters or more that are no stop words."""
    text = _SHORT_HYPHEN.sub("", unicodedata.normalize("NFKC", text))
    spaced = _HUMP.sub(" ", text).replace("_", " ")
    words = (match.group() for match in _WORD.finditer(spaced.casefold()))
    return frozenset(stem(word) for word in words if word not in STOP_WORDS)


def tool_stems(tool: Tool) -> frozenset[str]:
    """Stems that license a tool: of its name and of its description's first line."""
    return _own_stems(tool.name, tool.description.strip().partition("\n")[0])


@lru_cache(maxsize=1024)
def _own_stems(name: str, first_line: str) -> frozenset[str]:
    return stems(name) | stems(first_line)
