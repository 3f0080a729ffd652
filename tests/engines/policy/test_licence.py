"""Whether the user spoke of what a tool does."""

from __future__ import annotations

import pytest

from mythos.engines.policy.licence import stem, stems, tool_stems
from mythos.values.tools import Tool


@pytest.mark.parametrize(
    "family",
    [
        "cancel cancels canceled cancelled cancelling cancellation cancellations",
        "transfer transfers transferred transferring",
        "schedule schedules scheduled scheduling",
        "invite invited inviting invitation invitations",
        "delete deletes deleted deleting deletion",
        "modify modifies modified modification",
        "remove removed removing removal",
        "pay pays payment payments paying",
        "email emails emailed emailing",
        "address addresses addressed",
    ],
)
def test_a_family_of_words_has_one_stem(family: str) -> None:
    assert len({stem(word) for word in family.split()}) == 1


def test_stop_words_short_words_and_numbers_license_nothing() -> None:
    assert stems("Can you get it for the user, 42?") == frozenset()


def test_names_are_read_in_snake_and_camel_case() -> None:
    assert stems("sendMoney") == stems("send_money") == stems("Send money!")


def test_a_tool_is_licensed_by_its_name_and_the_first_line_of_its_description() -> None:
    tool = Tool(name="tx_create", description="Transfers funds.\nOutput schema: archive")
    wanted = tool_stems(tool)
    assert not wanted.isdisjoint(stems("please transfer 5 to Bob"))
    assert wanted.isdisjoint(stems("archive this"))


def test_a_single_letter_before_a_hyphen_belongs_to_the_word() -> None:
    assert stems("her e-mail") == stems("her email")
    assert stems("follow-up") == stems("follow up")
