"""The tree drawn in the docstring of `mythos.errors` is the tree that is raised."""

from __future__ import annotations

import inspect
import re

import pytest

from mythos import errors
from mythos.errors import MythosError

_LINE = re.compile(
    r"^ {4}(?P<bars>[│├└─ ]*)(?P<name>\w+Error)(?: +(?P<status>\d{3}) +(?P<exit>\d))?"
)


def _drawn() -> dict[str, tuple[str, int, int]]:
    """Parent, HTTP status and exit code of each class as drawn; a blank means the parent's."""
    tree: dict[str, tuple[str, int, int]] = {"Exception": ("", 0, 0)}
    path = ["Exception"]
    for match in filter(None, map(_LINE.match, (errors.__doc__ or "").splitlines())):
        del path[1 + len(match["bars"]) // 4 :]
        _, status, exit_code = tree[path[-1]]
        tree[match["name"]] = (
            path[-1],
            int(match["status"] or status),
            int(match["exit"] or exit_code),
        )
        path.append(match["name"])
    return {name: drawn for name, drawn in tree.items() if name != "Exception"}


def _defined() -> dict[str, type[MythosError]]:
    classes = (cls for _, cls in inspect.getmembers(errors, inspect.isclass))
    return {cls.__name__: cls for cls in classes if issubclass(cls, MythosError)}


def test_every_error_is_drawn_and_every_drawn_error_exists() -> None:
    assert _drawn().keys() == _defined().keys()


@pytest.mark.parametrize(("name", "drawn"), _drawn().items(), ids=list(_drawn()))
def test_an_error_has_the_parent_status_and_exit_code_of_the_drawing(
    name: str, drawn: tuple[str, int, int]
) -> None:
    cls = _defined()[name]
    (parent,) = cls.__bases__
    assert (parent.__name__, cls.http_status, cls.exit_code) == drawn


def test_an_error_says_where_what_and_what_to_do_now() -> None:
    error = MythosError("saw 3", remedy="send 2", where="policy.yaml:4:7")
    assert str(error) == "policy.yaml:4:7: saw 3"
    assert error.remedy == "send 2"


def test_given_no_place_then_an_error_says_only_what() -> None:
    assert str(MythosError("saw 3", remedy="send 2")) == "saw 3"


def test_an_error_of_several_documents_gives_every_objection_by_itself() -> None:
    one, other = (errors.PolicyError(word, remedy="correct it") for word in ("this", "that"))
    both = errors.PolicyError("2 problems", remedy="correct each", parts=[one, other])
    outer = errors.BundleSourceError("3 problems", remedy="correct each", parts=[both, one])
    assert outer.each == (one, other, one)
    assert one.each == (one,)
