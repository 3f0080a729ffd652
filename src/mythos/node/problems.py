"""What fails at a node at present: each thing by its name, told until it succeeds again."""

from __future__ import annotations

import logging
from collections.abc import Callable

from mythos.engines.evidence.plain import plain_text
from mythos.errors import MythosError

_log = logging.getLogger(__name__)


class Problems:
    """The problems of one process. A fault in one step of its work never ends the others."""

    def __init__(self) -> None:
        """Begin with none."""
        self._told: dict[str, str] = {}

    @property
    def line(self) -> str:
        """Everything that fails at present, in one line, each thing once; empty if nothing does."""
        return "; ".join(dict.fromkeys(dict(self._told).values()))

    def attempt(self, name: str, step: Callable[[], object]) -> None:
        """Do one step; what fails is told, and may be tried again at its next turn."""
        try:
            step()
        except MythosError as error:
            self.note(name, in_words(error))
        except OSError as error:
            self.note(name, f"{error.filename or 'a file'}: {error.strerror}")
        except Exception as error:  # noqa: BLE001 - the edge of a loop that must go on
            problem = plain_text(f"{name} failed by a fault of this program: {error!r} (report it)")
            if problem != self._told.get(name):
                _log.exception("%s", name)
            self.note(name, problem)
        else:
            self.note(name, "")

    def note(self, name: str, problem: str) -> None:
        """Keep what is wrong with one thing, and log it once; `""` is nothing.

        File names and answers from elsewhere may hold what no status can: that is replaced.
        """
        problem = plain_text(problem)
        if problem and problem != self._told.get(name):
            _log.warning("%s: %s", name, problem)
        if problem:
            self._told[name] = problem
        else:
            self._told.pop(name, None)

    def forget(self) -> None:
        """Begin anew with none."""
        self._told = {}


def in_words(error: MythosError) -> str:
    """An error with its remedy, in one line."""
    return f"{error} ({error.remedy})"
