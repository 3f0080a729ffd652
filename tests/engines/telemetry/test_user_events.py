"""What the user said, and what of it is a consent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.telemetry import UserEvent, assemble, is_affirmative, user_events
from mythos.engines.telemetry.user_events import AFFIRMATIVES, ALONE
from mythos.values.tools import Tool, ToolCatalogue
from tests.engines.telemetry.making import SECOND, Loose, agent, call, chat, said, sid

ASKING = ToolCatalogue(domain="d", tools=(Tool(name="ask", user=True), Tool(name="refund")))


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "YES!",
        "yes, but not that order",
        "  **Yes**, please",
        '"Yes"',
        "Okay.",
        "I confirm the change",
        "That’s correct.",
        "please go ahead",
        "Please, proceed",
        "Sure",
        "Sure, go ahead",
        "Of course! Yes.",
        "correct.",
        "confirm",
        "Ja, bitte",
        "Oui",
        "¡Sí!",
        "D’accord",
        "Да, верно",
        "はい、お願いします",
        "好的\uff0c请继续",
        "네",
        "نعم",
        "हाँ",
    ],
)
def test_a_text_that_begins_with_an_affirmative_is_one(text: str) -> None:
    assert is_affirmative(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?!",
        "no",
        "yesterday it broke",
        "okapi",
        "not yes",
        "I said yes before",
        "Sure, my name is Ann",
        "Of course! My order is 17",
        "please",
        "please help me",
        "correct my address",
        "Confirm that my flight is on time",
        "si no es posible, cancela",
        "janvier",
        "是不是",
        "好像不行",
    ],
)
def test_other_texts_are_not(text: str) -> None:
    assert not is_affirmative(text)


@given(
    st.sampled_from([word for words in AFFIRMATIVES.values() for word in words] + list(ALONE)),
    st.sampled_from(("", ".", "!", ", thanks", "\n17", "…")),
    st.sampled_from(("", " ", "- ", "«")),
)
def test_every_listed_word_opens_a_consent_in_any_case(word: str, after: str, before: str) -> None:
    if word in ALONE:
        after = after.replace("\n17", "")
    assert is_affirmative(before + word + after)
    assert is_affirmative(before + word.upper() + after)


@given(st.text(max_size=300))
def test_any_text_is_judged(text: str) -> None:
    assert is_affirmative(text) in {True, False}


def test_messages_and_confirmations_come_in_time_order() -> None:
    spans = [
        agent(1),
        chat(2, 1, said("u:cancel 17")),
        chat(3, 1, said("u:cancel 17", "a:sure?", "u:yes, do")),
    ]
    (run,) = assemble(spans)
    assert user_events(run, None) == [
        UserEvent("user.message", "cancel 17", 2 * SECOND, sid(2)),
        UserEvent("user.message", "yes, do", 3 * SECOND, sid(3)),
        UserEvent("user.confirm", "yes, do", 3 * SECOND, sid(3)),
    ]


@pytest.mark.parametrize(
    ("answer", "text"),
    [("true", "true"), ("yes", "yes"), ("false", None), ("no", None), ('{"ok":true}', None)],
)
def test_the_answer_of_a_tool_that_asks_the_user_confirms_at_its_end(
    answer: str, text: str | None
) -> None:
    (run,) = assemble([agent(1), call(2, 1, tool="ask", gen_ai__tool__call__result=answer)])
    expected = [UserEvent("user.confirm", text, 3 * SECOND, sid(2))] if text else []
    assert user_events(run, ASKING) == expected


@pytest.mark.parametrize("more", [{"tool": "refund"}, {"tool": "ask", "failed": True}])
def test_no_other_tool_and_no_failed_one_confirms(more: Loose) -> None:
    (run,) = assemble([agent(1), call(2, 1, gen_ai__tool__call__result="true", **more)])
    assert user_events(run, ASKING) == []
    assert user_events(run, None) == []


def test_a_message_that_was_not_captured_is_told_as_unknown() -> None:
    (run,) = assemble([agent(1), chat(2, 1, '[{"role":"user","parts":[{"type":"text"}]}]')])
    (seen,) = user_events(run, None)
    assert (seen.kind, seen.text, seen.captured) == ("user.message", "", False)


@pytest.mark.parametrize(
    "text",
    [
        "absolutely not", "definitely not", "do it not", "ok stop", "OK no", "OK, no",
        "agreed to nothing", "approved by nobody", "claro que no", "ja nee", "Ja? Nein!",
        "klar nicht", "genau das nicht", "так не треба", "да нет", "yes? what do you mean?",
    ],
)  # fmt: skip
def test_a_word_that_is_taken_back_at_once_is_no_yes(text: str) -> None:
    assert not is_affirmative(text)


@pytest.mark.parametrize(
    "text",
    ["yes, but not that order", "ok no problem", "yes I do not need it any more", "Ja, bitte."],
)
def test_what_comes_later_takes_nothing_back(text: str) -> None:
    assert is_affirmative(text)
