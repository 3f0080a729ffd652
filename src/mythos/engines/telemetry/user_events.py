"""What the user did in a run: messages, and confirmations among them.

`user.message` is each user message part once; `user.confirm` is one that begins with an
affirmative, or the answer of a tool that asks the user. Law: only words from the user's side
count (see `speech`); a message whose text was not captured confirms nothing and is no silence
either: it is told with `captured` False, so that facts over it are undecidable.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from mythos.engines.telemetry.masking import is_masked
from mythos.values.event import Event, Kind, Run
from mythos.values.tools import ToolCatalogue

# Words and phrases that open a consent, by language. Each counts as a whole word at the start.
AFFIRMATIVES: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        "yes", "yeah", "yep", "yup", "aye", "ok", "okay", "absolutely", "definitely", "agreed",
        "approved", "confirmed", "affirmative", "go ahead", "proceed", "do it", "go for it",
        "sounds good", "looks good", "that works", "that's right", "that's correct",
        "that is right", "that is correct", "i confirm", "i agree", "i approve",
    ),
    "de": ("ja", "jawohl", "jap", "genau", "klar", "einverstanden", "bestätigt", "in ordnung"),
    "fr": ("oui", "ouais", "d'accord", "bien sûr", "je confirme", "allez-y", "vas-y"),
    "es": ("sí", "claro", "de acuerdo", "por supuesto", "vale", "confirmado", "adelante"),
    "pt": ("sim", "pode ser", "com certeza", "claro", "de acordo"),
    "it": ("sì", "certo", "va bene", "d'accordo", "confermo"),
    "nl": ("ja", "jazeker", "akkoord", "natuurlijk", "prima"),
    "nordic": ("ja", "jo", "javisst", "kyllä", "joo"),
    "pl": ("tak", "zgoda", "oczywiście"),
    "cs": ("ano", "souhlasím"),
    "tr": ("evet", "tamam", "onayl\u0131yorum"),
    "ru": ("да", "конечно", "согласен", "согласна", "подтверждаю"),
    "uk": ("так", "звичайно", "згоден", "згодна"),
    "ar": ("نعم", "أجل", "موافق"),
    "he": ("כן", "בטח", "מאשר", "מאשרת"),
    "hi": ("हाँ", "हां", "जी हाँ", "जी हां", "ठीक है"),
    "zh": ("是", "是的", "对", "对的", "好", "好的", "可以", "确认", "同意", "没问题"),
    "ja": ("はい", "ええ", "了解", "了解です", "お願いします", "同意します"),
    "ko": ("네", "예", "응", "그래", "좋아요", "확인", "동의합니다"),
}  # fmt: skip
# These open a request as easily as a consent: they count only before punctuation or the end.
ALONE: Final = ("confirm", "correct", "right", "approve", "exactly", "perfect", "y", "si", "da")
# These agree to answer ("sure, my name is ..."): they count only alone, or before a consent.
OBLIGING: Final = ("sure", "sure thing", "of course", "certainly", "gladly", "please")
_FOLDED: Final = str.maketrans({"’": "'", "\u02bc": "'", "`": "'", "\u0131": "i"})

# One of these among the first two words after an opener takes it back: "absolutely not".
NEGATIONS: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        "no", "not", "nope", "nah", "never", "nothing", "nobody", "none", "don't", "dont", "won't",
        "stop", "wait", "hold",
    ),
    "de": ("nein", "nicht", "nie", "niemals", "nee", "nö", "kein", "keine", "nichts", "halt"),
    "fr": ("non", "pas", "jamais", "rien", "ne"),
    "es, pt, it": ("no", "nunca", "jamás", "nada", "não", "nem", "non", "mai", "niente"),
    "nl, nordic": ("nee", "niet", "nooit", "geen", "niets", "nej", "nei", "ikke", "inte", "ei"),
    "pl, cs, tr": ("nie", "nigdy", "nic", "ne", "nikdy", "hayir", "değil", "yok"),
    "ru, uk": ("не", "нет", "никогда", "ничего", "ні", "нічого"),
    "others": ("لا", "ليس", "לא", "नहीं", "मत", "不", "别", "没", "아니", "아니요"),
}  # fmt: skip
_NEGATIONS: Final = frozenset(word for words in NEGATIONS.values() for word in words)
_NO_HARM: Final = ("no problem", "no worries")

UserEventKind = Literal["user.message", "user.confirm"]


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().translate(_FOLDED)


_OPENERS: Final = tuple(
    sorted({_normal(word) for words in AFFIRMATIVES.values() for word in words}, key=len)
)
_WORD: Final = re.compile(r"[\w']+")
_PARTED: Final = re.compile(r"\s*[\w']+\s*[,.;:!–—]")
_LONGEST: Final = 200  # characters; more than any opener with the marks before it


@dataclass(frozen=True, slots=True)
class UserEvent:
    """One thing the user did. `at_ns`: Unix nanoseconds; `span_id`: where it was seen."""

    kind: UserEventKind
    text: str
    at_ns: int
    span_id: str

    @property
    def captured(self) -> bool:
        """Whether the text is known; a message without it may have said anything."""
        return bool(self.text) and not is_masked(self.text)


def is_affirmative(text: str) -> bool:
    """Whether a text begins with an affirmative as a whole word, ignoring case and marks.

    What follows is weighed only as far as it takes the word back at once: a negation (`NEGATIONS`)
    among the next two words, or a question mark right after. "yes, but not that order" is one.
    Words that may as well open a request (`ALONE`) count only if nothing or punctuation follows;
    words that oblige (`OBLIGING`) only if nothing or an affirmative follows.
    """
    head = _trimmed(_normal(text[:_LONGEST]))
    while opener := next((word for word in OBLIGING[::-1] if _opens(head, word)), ""):
        head = _trimmed(head[len(opener) :])
        if not head:
            return opener != "please"
    opened = [word for word in _OPENERS if _opens(head, word)] or [
        word
        for word in ALONE
        if _opens(head, word) and not head[len(word) :].lstrip()[:1].isalnum()
    ]
    return bool(opened) and not _taken_back(head[len(max(opened, key=len)) :])


def _taken_back(rest: str) -> bool:
    if rest.lstrip().startswith(("?", "\uff1f")):
        return True
    following = _trimmed(rest)
    if following.startswith(_NO_HARM):
        return False
    at_once = not rest.lstrip()[:1].isalnum() or _PARTED.match(rest)  # after a mark, one word
    return not _NEGATIONS.isdisjoint(_WORD.findall(following)[: 1 if at_once else 2])


def user_events(run: Run, catalogue: ToolCatalogue | None) -> list[UserEvent]:
    """What the user said and confirmed in a run, in time order.

    Args:
        run: an assembled run.
        catalogue: names the tools that ask the user; None if none is known.

    Returns:
        Messages dated at the start of the span that first carries them, each followed by a
        confirmation if it is one; answers of asking tools dated at the end of the call.
    """
    return user_events_in(run.events, catalogue)


def user_events_in(events: Iterable[Event], catalogue: ToolCatalogue | None) -> list[UserEvent]:
    """Like `user_events`, of events sorted by (start, span id)."""
    asking = {tool.name for tool in catalogue.tools if tool.user} if catalogue else set()
    found = [seen for event in events for seen in _seen_in(event, asking)]
    return sorted(found, key=lambda seen: seen.at_ns)


def _seen_in(event: Event, asking: set[str]) -> Iterator[UserEvent]:
    for text in event.user_texts:
        yield UserEvent("user.message", text, event.start_ns, event.span_id)
        if is_affirmative(text):
            yield UserEvent("user.confirm", text, event.start_ns, event.span_id)
    if event.kind is Kind.TOOL_CALL and event.tool in asking and not event.failed:
        answer = event.output
        if answer is True or (isinstance(answer, str) and is_affirmative(answer)):
            text = answer if isinstance(answer, str) else "true"
            yield UserEvent("user.confirm", text, event.end_ns, event.span_id)


def _opens(head: str, word: str) -> bool:
    return head.startswith(word) and not (len(head) > len(word) and _wordlike(head[len(word)]))


def _trimmed(text: str) -> str:
    start = next((at for at, char in enumerate(text) if _wordlike(char)), len(text))
    return text[start:]


def _wordlike(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character).startswith("M")
