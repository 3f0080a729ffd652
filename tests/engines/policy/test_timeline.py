"""Timelines: sets of events by id, asked about windows."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.policy.facts.timeline import Entry, Timeline


def event(entry: Entry, twin: str) -> tuple[str, Entry]:
    """An event of one time, and one account of it."""
    return f"{entry.at_ns}{twin}", entry


events = st.lists(
    st.builds(
        event,
        st.builds(
            Entry,
            at_ns=st.integers(0, 60),
            settled=st.booleans(),
            n=st.integers(0, 1),
            amount=st.integers(-5, 5),
            value=st.sampled_from([None, "a", "b"]),
        ),
        st.sampled_from("ab"),
    ),
    max_size=20,
)
retained = st.sampled_from([None, 0, 10, 25])


def told(these: list[tuple[str, Entry]], retain_ns: int | None) -> Timeline:
    line = Timeline(retain_ns)
    for name, entry in these:
        line.put(name, entry)
    return line


def merged(one: Timeline, other: Timeline) -> Timeline:
    for name, entry in other.entries().items():
        one.put(name, entry)
    return one


@given(events, events, events, retained)
def test_timelines_merge_in_any_grouping_order_and_repetition(
    a: list[tuple[str, Entry]],
    b: list[tuple[str, Entry]],
    c: list[tuple[str, Entry]],
    retain_ns: int | None,
) -> None:
    left = merged(told(a, retain_ns), merged(told(b, retain_ns), told(c, retain_ns)))
    right = merged(merged(told(c + a, retain_ns), told(b, retain_ns)), told(b, retain_ns))
    assert left == right


@given(events, st.integers(0, 70), st.integers(0, 30))
def test_a_tally_is_what_a_walk_through_all_entries_counts(
    these: list[tuple[str, Entry]], until: int, window: int
) -> None:
    line = told(these, None)
    inside = [e for e in line.entries().values() if until - window <= e.at_ns <= until]
    tally = line.tally(until - window, until)
    assert tally == (sum(e.n for e in inside), sum(e.amount for e in inside))


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 9)), min_size=80, max_size=200),
    st.randoms(use_true_random=False),
)
def test_a_timeline_that_forgets_still_answers_for_its_window(
    these: list[tuple[int, int]], random: Random
) -> None:
    given_entries = [(str(i), Entry(at, amount=x)) for i, (at, x) in enumerate(these)]
    all_of_it = told(given_entries, None)
    random.shuffle(given_entries)
    line = told(given_entries, 50)
    newest = max(at for at, _ in these)
    assert line.tally(newest - 50, newest) == all_of_it.tally(newest - 50, newest)
    assert line.newest(newest - 50) == all_of_it.newest(newest - 50)
    assert line.tally(newest - 51, newest) is None


@given(st.randoms(use_true_random=False), st.integers(90, 160))
def test_a_timeline_that_is_asked_as_it_grows_and_forgets_tells_every_window(
    random: Random, calls: int
) -> None:
    """A call is put at its start, and again at its end, where it may turn out not to count."""
    line, known = Timeline(50), dict[str, Entry]()
    for call in range(calls):
        begun = Entry(2 * call + random.randint(-9, 9), settled=False, amount=random.randint(-9, 9))
        ended = begun._replace(settled=True, n=random.randint(0, 1))
        for entry in (begun, ended):
            line.put(str(call), entry)
            known[str(call)] = entry
            until_ns = 2 * call - random.randint(0, 9)
            since_ns = until_ns - random.randint(0, 30)
            inside = [e for e in known.values() if since_ns <= e.at_ns <= until_ns]
            told = line.tally(since_ns, until_ns)
            assert told == (sum(e.n for e in inside), sum(e.amount for e in inside))


def test_what_turned_out_not_to_count_is_taken_back_whatever_comes_first() -> None:
    begun, failed = Entry(5, settled=False, amount=7), Entry(5, n=0)
    for order in ((begun, failed), (failed, begun)):
        line = told([("call", entry) for entry in order], None)
        assert line.tally(None, 9) == (0, 0)
