"""The charts as template tags: each only names the pure function that draws."""

from __future__ import annotations

from typing import Protocol

from django import template
from django.utils.safestring import SafeString

from mythos.server.web.charts.audit_strip import audit_strip
from mythos.server.web.charts.beat_strip import beat_strip
from mythos.server.web.charts.beta_curve import beta_curves
from mythos.server.web.charts.fit_line import fit_line
from mythos.server.web.charts.interval_bar import interval_bar
from mythos.server.web.charts.meter import meter
from mythos.server.web.charts.score_axis import score_axis
from mythos.server.web.charts.shares_bar import shares_bar
from mythos.server.web.charts.workflow_drawing import workflow_drawing
from mythos.values.drift import FitTrend

register = template.Library()


class Deviation(Protocol):
    """A step that was skipped or extra in some runs."""

    @property
    def kind(self) -> str:
        """Either `skip` or `extra`."""

    @property
    def label(self) -> str:
        """The step."""

    @property
    def runs(self) -> int:
        """How many runs have it."""


@register.simple_tag
def deviation_meter(deviation: Deviation, runs: int) -> SafeString:
    """In how many of the runs a step was skipped or extra."""
    css = "risk" if deviation.kind == "skip" else "degraded"
    label = f"{deviation.label} in {deviation.runs} of {runs} runs"
    return meter([(css, deviation.runs)], whole=runs, label=label)


class Strayed(Protocol):
    """A step, and the runs that skipped it or made it where it was not wanted."""

    @property
    def label(self) -> str:
        """The step."""

    @property
    def skipped(self) -> int:
        """Runs that left it out."""

    @property
    def extra(self) -> int:
        """Runs that added it."""


@register.simple_tag
def stray_meter(step: Strayed, runs: int) -> SafeString:
    """In how many of the runs a step was skipped, and beside it in how many it was extra."""
    label = f"{step.label}: skipped in {step.skipped}, extra in {step.extra} of {runs} runs"
    return meter([("risk", step.skipped), ("degraded", step.extra)], whole=runs, label=label)


class Change(Protocol):
    """Runs that have something, before and now."""

    @property
    def label(self) -> str:
        """What they have."""

    @property
    def before(self) -> int:
        """Runs of the baseline."""

    @property
    def now(self) -> int:
        """The newest runs."""


@register.simple_tag
def before_meter(change: Change, runs: int) -> SafeString:
    """In how many of the baseline's runs something was."""
    label = f"{change.label} in {change.before} of {runs} runs of the baseline"
    return meter([("was", change.before)], whole=runs, label=label)


@register.simple_tag
def now_meter(change: Change, runs: int) -> SafeString:
    """In how many of the newest runs something is."""
    label = f"{change.label} in {change.now} of {runs} runs now"
    return meter([("now", change.now)], whole=runs, label=label)


@register.simple_tag
def fit_chart(fit: FitTrend) -> SafeString:
    """The bet on fitting runs over time."""
    return fit_line([point.e for point in fit.line], alarm=fit.alarm)


for draw in (
    audit_strip,
    beat_strip,
    beta_curves,
    interval_bar,
    meter,
    score_axis,
    shares_bar,
    workflow_drawing,
):
    register.simple_tag(draw)
