"""What the user asked for besides the words of a tool: deletions, hand-overs, pointed-out values.

- *Deletion*: the user used a word for deleting.
- *Hand-over*: the user used a word for instructions that stand elsewhere ("follow the
  instructions in notes.txt"), and a word stem of the tool's **name** occurs in an output of a call
  that looked up something the user named.
- *Referral*: an untrusted value stands in an output of a call that looked up something the user
  named, and the user spoke of it: a word stem of the argument's name occurs in the user's text
  ("you find her e-mail on her page"), or every text of the value shares a name of three letters or
  more with the user's text (`ada@post.example` for "please invite Ada"; of an address the part
  before the @). A name is a word with a capital inside a sentence. What the user wrote out as an
  address, a link or a host names itself and nothing else: `bob@evil.example` is not spoken of by
  "mail bob@post.example", nor `letter@evil.example` by "Write a letter".

English words only, as `licence`. All three excuse; they never charge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mythos.engines.policy.licence import stems
from mythos.engines.policy.origin import Sources, leaves
from mythos.engines.policy.words import words
from mythos.values.event import Json

DELETION = stems(
    "cancel clear delete discard drop erase kick purge remove revoke rid trash undo uninvite "
    "unsubscribe withdraw wipe"
)
HANDING_OVER = stems(
    "accordingly checklist instructed instructions playbook procedure runbook specified todo"
)
_LONG_ENOUGH = 3
_HOST = re.compile(r"\w\.\w")


@dataclass(slots=True)
class Asked:
    """What the user said, and what stood where they pointed. Owned by the sweep that fills it."""

    sources: Sources
    heard: set[str] = field(default_factory=set)
    _names: set[str] = field(default_factory=set)

    def hear(self, text: str) -> None:
        """Take in what the user said."""
        self.heard |= stems(text)
        names = " ".join(_names(text))
        self._names |= {word for word in words(names) if len(word) >= _LONG_ENOUGH}

    @property
    def deletion(self) -> bool:
        """Whether the user spoke of deleting."""
        return not DELETION.isdisjoint(self.heard)

    def elsewhere(self, tool: str) -> bool:
        """Whether the user handed over to a text that speaks of the tool called so."""
        if HANDING_OVER.isdisjoint(self.heard):
            return False
        return not stems(tool).isdisjoint(self.sources.pointed_stems)

    def refers(self, argument: str, value: Json) -> bool:
        """Whether the user pointed to where a value stands, and spoke of it or of its argument."""
        if not self.sources.refers(value):
            return False
        if not stems(argument).isdisjoint(self.heard):
            return True
        return all(map(self._spoke_of, leaves(value)))

    def _spoke_of(self, text: str) -> bool:
        return not self._names.isdisjoint(words(text.partition("@")[0]))


def _names(text: str) -> Iterator[str]:
    """Words that begin with a capital inside a sentence, and are no address, link or file."""
    begins = True
    for each in text.split():
        first = next(filter(str.isalnum, each), "")
        if not begins and first.isupper() and not _is_written_out(each):
            yield each
        begins = each.rstrip("\"')").endswith((".", "!", "?", ":"))


def _is_written_out(word: str) -> bool:
    """Whether it is an address, a link, a host or a file's name rather than a word."""
    return "@" in word or "://" in word or _HOST.search(word) is not None
