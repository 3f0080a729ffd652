"""Announcements: which memory spans tell of a write, and of which."""

from __future__ import annotations

import pytest

from mythos.engines.memory.announcement import announcements
from mythos.values.event import Json, Span

RUN = "4bf92f3577b34da6a3ce929d0e0e4736"
SHA = "ab" * 32


def span(end_ns: int = 1, *, failed: bool = False, **attributes: Json) -> Span:
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    return Span(RUN, "b" * 16, "", "memory", 0, end_ns, named, failed=failed)


def test_a_write_is_announced_with_its_run_and_on_whose_behalf() -> None:
    (told,) = announcements(
        [
            span(
                gen_ai__memory__record__id="tea",
                mythos__memory__sha256=SHA.upper(),
                mythos__memory__source="tool",
                mythos__policy__ref="rules/7",
                gen_ai__agent__name="clerk",
            )
        ]
    )
    assert (told.agent, told.key, told.digest) == ("clerk", "tea", SHA)
    assert (told.source, told.trace_id, told.policy_ref) == ("tool", RUN, "rules/7")


def test_a_deleted_memory_is_announced_without_a_hash() -> None:
    (told,) = announcements(
        [span(gen_ai__operation__name="delete_memory", gen_ai__memory__record__id="tea")]
    )
    assert (told.digest, told.source) == (None, "agent")


@pytest.mark.parametrize(
    "silent",
    [
        span(gen_ai__memory__record__id="tea", gen_ai__operation__name="update_memory"),
        span(gen_ai__memory__record__id="tea", mythos__memory__sha256="no hash"),
        span(gen_ai__memory__record__id=["tea"], mythos__memory__sha256=SHA),
        span(gen_ai__operation__name="delete_memory"),
        span(failed=True, gen_ai__memory__record__id="tea", mythos__memory__sha256=SHA),
    ],
)
def test_what_names_no_memory_or_no_hash_or_failed_announces_nothing(silent: Span) -> None:
    assert announcements([silent]) == []


def test_of_several_writes_of_one_memory_the_last_counts() -> None:
    told = announcements(
        [
            span(2, gen_ai__memory__record__id="tea", mythos__memory__sha256="cd" * 32),
            span(1, gen_ai__memory__record__id="tea", mythos__memory__sha256=SHA),
        ]
    )
    assert [one.digest for one in told] == ["cd" * 32]
