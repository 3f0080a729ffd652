"""Fit process: a bet that runs have begun to fit less often than the baseline's.

An e-process: under "runs fit at least as often as in the baseline" its expected value never
exceeds 1, whenever one looks, so it reaches 1 / alpha with probability at most alpha (Ville). It
bets on a grid of lower shares (a discretised uniform Beta prior) and on every hour as the one in
which the change began, so a change after a long good time is found too. State: nine numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from scipy.special import betaincinv

ALPHA = 0.01
ALARM = 1 / ALPHA
DOUBT = 0.01  # that the baseline's own share of fitting runs lies below `null_share`
GRID = 8
BEGINS = 0.01  # prior probability that the change begins in a given hour
CEILING = 100 * ALARM  # lowering an e-process keeps it one, and lets it recover
_MOST = 600.0


@dataclass(frozen=True, slots=True)
class FitProcess:
    """The bet after some hours. bets: stakes by alternative share; held: not staked yet."""

    null: float
    bets: tuple[float, ...] = (0.0,) * GRID
    held: float = 1.0

    @property
    def value(self) -> float:
        """The e-value: evidence against "as often as in the baseline"; 1 says nothing."""
        return self.held + math.fsum(self.bets)

    def after(self, *, fitting: int, runs: int) -> FitProcess:
        """Return the bet after one more hour, in which `fitting` of `runs` finished runs fit."""
        if not runs or not 0.0 < self.null < 1.0:
            return self
        stake = self.held * BEGINS / GRID
        grown = tuple(
            (bet + stake) * self._odds(index, fitting=fitting, runs=runs)
            for index, bet in enumerate(self.bets)
        )
        held = self.held * (1 - BEGINS)
        scale = (CEILING - held) / max(CEILING - held, math.fsum(grown))
        return FitProcess(self.null, tuple(bet * scale for bet in grown), held)

    def _odds(self, index: int, *, fitting: int, runs: int) -> float:
        share = self.null * (index + 0.5) / GRID
        log_odds = fitting * math.log(share / self.null)
        log_odds += (runs - fitting) * math.log((1 - share) / (1 - self.null))
        return math.exp(min(log_odds, _MOST))


def null_share(*, fitting: int, runs: int) -> float:
    """The share of fitting runs that the baseline has at least, with 99 % confidence.

    Returns:
        The lower Clopper-Pearson bound in [0, 1); 0 without fitting runs.

    Source: Clopper and Pearson, The Use of Confidence or Fiducial Limits, Biometrika 26, 1934.
    """
    return float(betaincinv(fitting, runs - fitting + 1, DOUBT)) if fitting else 0.0


def follow(process: FitProcess, hours: Iterable[tuple[int, int]]) -> tuple[FitProcess, ...]:
    """The bet after each hour.

    Args:
        process: the bet before them.
        hours: (fitting, finished) runs, in the order of time.

    Source: Ramdas, Gruenwald, Vovk and Shafer, Game-Theoretic Statistics and Safe Anytime-Valid
    Inference, Statistical Science 38(4), 2023; Shin, Ramdas and Rinaldo, E-detectors, 2022.
    """
    found = []
    for fitting, runs in hours:
        process = process.after(fitting=fitting, runs=runs)
        found.append(process)
    return tuple(found)
