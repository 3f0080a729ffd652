from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.evidence.time import TimeBody
from mythos.engines.evidence.window import HOUR_S, bit_range
from mythos.engines.resilience.presence import Presence
from mythos.server.resilience.pages.beats import beats_of
from mythos.server.resilience.pages.facts import EnvironmentFact, NodeFact, TimeBlock
from mythos.server.web.charts.beat_strip import Beat, BeatKind, beat_strip
from mythos.server.web.charts.beta_curve import Curve, beta_curves, beta_density
from mythos.server.web.charts.interval_bar import interval_bar
from mythos.server.web.charts.meter import meter
from mythos.server.web.charts.score_axis import Change, Moment, ScoreAxis, floor_of, score_axis
from mythos.server.web.charts.shares_bar import rounded_shares, shares_bar
from mythos.server.web.charts.svg import element

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
shares = st.floats(0, 1)


def tags(svg: str, name: str) -> list[ET.Element]:
    """The elements of a name; reading the text also proves that it is well-formed."""
    return list(ET.fromstring(svg).iter(name))  # noqa: S314 - our own text


def test_texts_and_attributes_are_escaped() -> None:
    svg = element("text", "<b>&", title='"><script>')
    assert svg == '<text title="&quot;&gt;&lt;script&gt;">&lt;b&gt;&amp;</text>'


def test_what_was_made_here_is_not_escaped_again() -> None:
    assert element("g", element("path", d="M0 0")) == '<g><path d="M0 0"/></g>'


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=5))
def test_rounded_shares_add_to_100_unless_there_is_nothing(values: list[float]) -> None:
    rounded = rounded_shares(values)
    assert sum(rounded) == pytest.approx(100 if sum(values) else 0)
    assert all(share >= 0 for share in rounded)


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=5))
def test_a_rounded_share_is_less_than_a_tenth_off(values: list[float]) -> None:
    exact = [100 * value / sum(values) for value in values]
    pairs = zip(rounded_shares(values), exact, strict=True)
    assert all(abs(rounded - share) < 0.1 + 1e-9 for rounded, share in pairs)


def test_a_shares_bar_says_its_parts() -> None:
    svg = shares_bar([("Drift", 62.5), ("Memory integrity", 37.5)])
    assert tags(svg, "title")[0].text == "Drift 62.5 %, Memory integrity 37.5 %"


@given(shares, shares, shares)
def test_an_interval_bar_stays_in_its_frame(one: float, two: float, three: float) -> None:
    low, mid, high = sorted([one, two, three])
    svg = interval_bar(low, mid, high, start=0.7, target=0.9)
    starts = [float(path.attrib["d"][1:].split()[0]) for path in tags(svg, "path")]
    assert all(0 <= start <= 100 for start in starts)


def test_an_unknown_mid_has_no_mark() -> None:
    known = interval_bar(0.2, 0.5, 1, start=0)
    assert len(tags(known, "path")) - len(tags(interval_bar(0.2, None, 1, start=0), "path")) == 1


def test_a_strip_draws_equal_neighbours_as_one_with_their_counts() -> None:
    beats = [Beat("ok", f"{i}:00", f"{i + 1}:00", active=2) for i in range(3)]
    beats.append(Beat("crit", "3:00", "4:00", active=2, broken=1))
    svg = beat_strip(beats, label="one broken")
    titles = [each.text for each in tags(svg, "title")]
    assert titles == [
        "0:00–3:00 upheld, 6 active cells",
        "3:00–4:00 a critical rule broken, 1 of 2 active cells bad",
    ]


def test_kinds_differ_in_height_so_that_colour_is_not_alone() -> None:
    kinds: tuple[BeatKind, ...] = ("crit", "degraded", "risk", "ok", "idle", "silent")
    svg = beat_strip([Beat(kind, "", "") for kind in kinds], label="all")
    heights = [float(rect.attrib["height"]) for rect in tags(svg, "rect")]
    assert heights == sorted(set(heights), reverse=True)


def test_time_before_the_first_evidence_is_not_drawn() -> None:
    assert not tags(beat_strip([Beat("before", "", "")], label="new"), "rect")


def node(*, last_beat_at: datetime = NOON) -> NodeFact:
    enrolled = NOON - timedelta(days=1)
    presence = Presence(newest_beat=last_beat_at, enrolled_at=enrolled)
    return NodeFact("n", EnvironmentFact("e"), enrolled, presence, last_beat_at=last_beat_at)


def kinds_of(body: TimeBody, host: NodeFact | None = None) -> list[str]:
    """Kinds of the buckets of the hour before noon, 40 s each."""
    block = TimeBlock("n", int(NOON.timestamp()) - HOUR_S, body.to_json())
    beats = beats_of(host or node(), [block], at=NOON, span_s=HOUR_S)
    return [beat.kind for beat in beats]


def test_each_cell_falls_into_its_buckets() -> None:
    full = bit_range(0, 60)
    kinds = kinds_of(TimeBody(60, active=bit_range(0, 30), bad=1 << 15, covered=full))
    assert kinds[:22] == ["ok"] * 22
    assert kinds[22:24] == ["degraded"] * 2
    assert kinds[45:] == ["idle"] * 45


def test_undecidable_outweighs_upheld_and_broken_outweighs_both() -> None:
    body = TimeBody(60, active=0b111, unknown=0b110, bad=0b100, covered=bit_range(0, 60))
    assert kinds_of(body)[0] == "ok"
    assert kinds_of(body)[2] == "blind"
    assert kinds_of(body)[4] == "degraded"


def test_time_that_nobody_vouches_for_is_silent() -> None:
    silent = node(last_beat_at=NOON - timedelta(hours=2))
    assert set(kinds_of(TimeBody(60), silent)) == {"silent"}


def test_a_beat_vouches_until_the_next_is_overdue() -> None:
    host = node(last_beat_at=NOON - timedelta(minutes=10))
    kinds = kinds_of(TimeBody(60, covered=bit_range(0, 50)), host)
    assert kinds[-10:] == ["silent"] * 10
    assert "silent" not in kinds[:79]


def test_bad_time_is_critical_while_a_critical_flag_fired() -> None:
    start = NOON.timestamp() - HOUR_S
    body = TimeBody(60, active=0b1, bad=0b1, covered=bit_range(0, 60)).to_json()
    block = TimeBlock("n", int(start), body)
    fired = [(start, start + 60)]
    beats = beats_of(node(), [block], at=NOON, span_s=HOUR_S, critical=fired)
    assert beats[0].kind == "crit"


def axis(*moments: Moment, changes: tuple[Change, ...] = ()) -> ScoreAxis:
    return ScoreAxis(
        title="Score", said="", moments=moments, changes=changes, lanes=("Rollout",),
        ticks=((0, "a"), (1, "b")), target=0.9,
    )  # fmt: skip


def test_the_axis_reaches_down_only_as_far_as_it_must() -> None:
    assert floor_of(axis(Moment(0, "", 0.85, 0.9, 0.95))) == 0.8
    assert floor_of(axis(Moment(0, "", 0.6, 0.9, 0.95))) == 0.5
    assert floor_of(axis(Moment(0, "", 0.1, 0.9, 0.95))) == 0.0
    assert floor_of(axis(Moment(0, "", 0.1, None, 1.0))) == 0.8


def test_a_stretch_without_a_score_is_hatched_and_cuts_the_line() -> None:
    known = [Moment(x / 10, f"{x}", 0.9, 0.95, 0.99) for x in range(10)]
    cut = [*known[:4], Moment(0.4, "4", 0, None, 1), *known[5:]]
    svg = score_axis(axis(*cut))
    assert svg.count('class="mid"') == 2
    assert svg.count('class="gap"') == 1


def test_a_change_has_a_guide_line_and_a_critical_one_stands_on_the_score() -> None:
    changes = (
        Change(0.5, "12:00", "Rollout", "#2 v2"),
        Change(0.6, "12:06", "Rollout", "rule broken", critical=True),
    )
    svg = score_axis(axis(Moment(0, "", 0.9, 0.95, 0.99), changes=changes))
    assert svg.count('class="guide"') == 1
    assert svg.count('href="#diac"') == 1


def test_an_axis_without_a_moment_can_be_drawn() -> None:
    assert tags(score_axis(axis()), "title")[0].text == "Score"


@given(st.floats(1, 300), st.floats(1, 300))
def test_a_beta_density_has_area_one(a: float, b: float) -> None:
    n = 2_000
    area = math.fsum(beta_density((i + 0.5) / n, a, b) for i in range(n)) / n
    assert area == pytest.approx(1, abs=0.02)


def test_the_shaded_area_begins_at_tau() -> None:
    svg = beta_curves([Curve("now", 20, 3, "mid")], tau=0.9, title="belief")
    band = next(each for each in tags(svg, "path") if each.attrib["class"] == "band")
    assert 79 <= float(band.attrib["d"][1:].split()[0]) <= 82


def test_a_belief_that_rises_without_bound_does_not_flatten_the_others() -> None:
    curves = [Curve("now", 20, 3, "mid"), Curve("after", 400, 0.5, "next-l")]
    svg = beta_curves(curves, tau=0.9, title="belief")
    mid = next(each for each in tags(svg, "path") if each.attrib["class"] == "mid")
    assert min(float(point.split()[1]) for point in mid.attrib["d"][1:].split("L")) < 90


@given(st.lists(st.tuples(st.just("ok"), st.floats(0, 100)), max_size=4), st.floats(0, 100))
def test_a_meter_never_overflows(parts: list[tuple[str, float]], whole: float) -> None:
    rects = tags(meter(parts, whole=whole, label="load"), "rect")[1:]
    assert sum(float(rect.attrib["width"]) for rect in rects) <= 100.1


def test_a_strip_that_changes_all_the_time_stays_light() -> None:
    kinds: list[BeatKind] = ["ok", "crit"] * 45
    times = "22 Nov 10:00:00", "22 Nov 10:00:07"
    svg = beat_strip([Beat(kind, *times) for kind in kinds], label="restless")
    assert len(svg) < 3_000
    assert len(tags(svg, "path")) == 2
