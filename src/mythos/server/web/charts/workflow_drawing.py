"""A workflow as a drawing: its steps, tinted by how often runs skip them, with the numbers as text.

Colours are classes of the stylesheet, so both themes hold; every label is escaped. A reader without
sight gets a title, a sentence that sums up, and a title for each step.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Protocol

from django.utils.safestring import SafeString

from mythos.server.web.charts.svg import element
from mythos.server.web.charts.workflow_layout import Box, Layout, Line, Word
from mythos.values.block import Act

LABEL_PX, SMALL_PX = 7.4, 6.2  # of one character, at most, at 12 and 11 px
_LEVELS = (0.0, 0.05, 0.2, 0.5)
_ARROW = 4


class Strayed(Protocol):
    """In how many runs a step was skipped, and in how many it was extra."""

    @property
    def skipped(self) -> int:
        """Runs that left it out."""

    @property
    def extra(self) -> int:
        """Runs that made it where the workflow did not want it."""


def workflow_drawing(
    layout: Layout, steps: Mapping[str, Strayed], *, runs: int, name: str
) -> SafeString:
    """Draw a layout.

    Args:
        layout: of the workflow's blocks.
        steps: how runs strayed, by label; a label that is absent never strayed.
        runs: finished runs, of which the numbers are shares.
        name: what the drawing is called.
    """
    acts = [box for box in layout.boxes if box.kind == "act"]
    return element(
        "svg",
        element("title", f"{name}, drawn"),
        element("desc", _summary(acts, steps, runs)),
        *(_box(box, steps, runs) for box in layout.boxes),
        *map(_line, layout.lines),
        *map(_word, layout.words),
        class_="wf", role="img", width=layout.width, height=layout.height,
        viewBox=f"0 0 {layout.width} {layout.height}",
    )  # fmt: skip


def _summary(acts: list[Box], steps: Mapping[str, Strayed], runs: int) -> str:
    labels = dict.fromkeys(box.text for box in acts)
    if not runs:
        return f"{len(acts)} steps. No finished run in this window."
    skipped = [(label, steps[label].skipped) for label in labels if label in steps]
    worst = sorted((each for each in skipped if each[1]), key=lambda each: -each[1])[:5]
    told = "; ".join(f"{label} skipped in {n:,}" for label, n in worst) or "none was skipped"
    return f"{len(acts)} steps, {runs:,} finished runs: {told}."


def _box(box: Box, steps: Mapping[str, Strayed], runs: int) -> SafeString:
    if box.kind == "act":
        return _act(box, steps, runs)
    small = element(
        "text", fitted(box.text, box.width - 12, SMALL_PX), class_="wf-s", **_at(box, 15)
    )
    shape = element("rect", class_=f"wf-{box.kind} {box.block.kind}", rx=4, **_place(box))
    return element("g", element("title", box.text), shape, small)


def _act(box: Box, steps: Mapping[str, Strayed], runs: int) -> SafeString:
    stray = steps.get(box.text)
    skipped, extra = (stray.skipped, stray.extra) if stray else (0, 0)
    share = skipped / runs if runs else 0.0
    level = sum(share > bound for bound in _LEVELS)
    told = _told(skipped, extra, runs)
    dashed = " extra" if extra else ""
    return element(
        "g",
        element("title", f"{box.text}{_match(box)}: {told[0]}"),
        element("rect", class_="wf-act", rx=4, **_place(box)),
        element("rect", class_=f"wf-tint l{level}{dashed}", rx=4, **_place(box)),
        element(
            "rect", class_="wf-bar", x=box.x, y=box.y + box.height - 4, height=3,
            width=min(share, 1) * box.width,
        ),
        element("text", fitted(box.text, box.width - 12, LABEL_PX), class_="wf-l", **_at(box, 19)),
        element("text", _first_fitting(told, box.width - 8), class_="wf-n", **_at(box, 36)),
    )  # fmt: skip


def _match(box: Box) -> str:
    if not isinstance(box.block, Act) or not box.block.match:
        return ""
    return f" ({', '.join(f'{key} = {value}' for key, value in box.block.match.items())})"


def _told(skipped: int, extra: int, runs: int) -> list[str]:
    """The numbers of a step, from a whole sentence to the least that says it."""
    if not runs:
        return ["no finished run yet", "no run yet"]
    skips, extras = f"{100 * skipped / runs:.1f} %", f"{100 * extra / runs:.1f} %"
    if not extra:
        if not skipped:
            return [f"never skipped in {runs:,}", "never skipped", "skip 0 %"]
        return [f"skipped in {skipped:,} of {runs:,}, {skips}", f"skipped {skips}", f"skip {skips}"]
    return [
        f"skipped {skipped:,}, extra {extra:,} of {runs:,}",
        f"skip {skips}, extra {extras}",
        f"−{skips}, +{extras}",
    ]


def _first_fitting(texts: list[str], width: float) -> str:
    return next((text for text in texts if len(text) * SMALL_PX <= width), texts[-1])


def fitted(text: str, width: float, px: float) -> str:
    """As much of a text as fits; wide characters count twice."""
    room, kept = int(width / px), 0
    for at, character in enumerate(text):
        kept += 1 + (unicodedata.east_asian_width(character) in "WF")
        if kept > room:
            return _shortened(text[:at], room)
    return text


def _shortened(text: str, room: int) -> str:
    return f"{text[: max(min(len(text), room) - 1, 0)].rstrip()}…"


def _line(line: Line) -> SafeString:
    path = "M" + "L".join(f"{x} {y}" for x, y in line.points)
    drawn = element("path", class_="wf-line", d=path)
    if not line.arrow:
        return drawn
    (x0, y0), (x, y) = line.points[-2:]
    if x0 == x:
        back = y - _ARROW if y > y0 else y + _ARROW
        head = f"M{x - 3} {back}L{x + 3} {back}L{x} {y}z"
    else:
        back = x - _ARROW if x > x0 else x + _ARROW
        head = f"M{back} {y - 3}L{back} {y + 3}L{x} {y}z"
    return SafeString(drawn + element("path", class_="wf-head", d=head))


def _word(word: Word) -> SafeString:
    text = fitted(word.text, word.width, SMALL_PX)
    return element("text", text, class_="wf-w", x=word.x, y=word.y)


def _place(box: Box) -> dict[str, int]:
    return {"x": box.x, "y": box.y, "width": box.width, "height": box.height}


def _at(box: Box, down: int) -> dict[str, int]:
    left = box.kind == "frame"
    return {"x": box.x + 8 if left else box.x + box.width // 2, "y": box.y + down}
