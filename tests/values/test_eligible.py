"""An environment is eligible iff it carries every wanted label with the same value."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mythos.values.environment import Labels, eligible

KEYS = st.sampled_from(["tier", "region", "provider", "note.owner", "note.why"])
LABELS = st.dictionaries(KEYS, st.sampled_from(["a", "b"]))


def _described(labels: Labels) -> Labels:
    return {key: value for key, value in labels.items() if key.startswith("note.")}


@given(LABELS, LABELS)
def test_what_is_named_is_exactly_what_is_lacking_or_different(have: Labels, want: Labels) -> None:
    missing = eligible(have, want)
    assert {*missing} == {k for k in want.keys() - _described(want) if have.get(k) != want[k]}
    assert list(missing) == sorted(set(missing))


@given(LABELS, LABELS)
def test_carrying_what_was_missing_makes_it_eligible(have: Labels, want: Labels) -> None:
    cured = have | {key: want[key] for key in eligible(have, want)}
    assert eligible(cured, want) == ()


@given(LABELS, LABELS, LABELS)
def test_more_labels_on_an_environment_never_exclude_it(a: Labels, b: Labels, w: Labels) -> None:
    assert {*eligible(b | a, w)} <= {*eligible(a, w)}


@given(LABELS, LABELS, LABELS)
def test_asking_for_more_never_admits(have: Labels, want: Labels, more: Labels) -> None:
    assert {*eligible(have, want)} <= {*eligible(have, more | want)}


@given(LABELS, LABELS)
def test_a_note_is_description_only(have: Labels, want: Labels) -> None:
    assert eligible(have, _described(want)) == ()


def test_a_label_with_another_value_is_not_that_label() -> None:
    assert eligible({"region": "us"}, {"region": "eu", "tier": "care"}) == ("region", "tier")
    assert eligible({"region": "eu", "tier": "care"}, {"region": "eu"}) == ()
