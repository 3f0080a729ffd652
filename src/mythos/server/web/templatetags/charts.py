"""The charts as template tags: each only names the pure function that draws."""

from __future__ import annotations

from django import template

from mythos.server.web.charts.beat_strip import beat_strip
from mythos.server.web.charts.beta_curve import beta_curves
from mythos.server.web.charts.interval_bar import interval_bar
from mythos.server.web.charts.meter import meter
from mythos.server.web.charts.score_axis import score_axis
from mythos.server.web.charts.shares_bar import shares_bar

register = template.Library()

for draw in (beat_strip, beta_curves, interval_bar, meter, score_axis, shares_bar):
    register.simple_tag(draw)
