"""Documents that people write: text to value to model, and every complaint with its place.

A document is YAML or JSON. JSON is tried first where the text looks like it, and is the only
reading of a `.json` source. Both readers refuse what would be read in two ways: repeated keys,
aliases, numbers that are not finite. Sizes are bounded before anything is built.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import ErrorDetails

from mythos.errors import DocumentError
from mythos.values.json_text import parse_json
from mythos.values.marks import Marks, Parsed, Path, refusal
from mythos.values.objection import EXTRA, MISSING, objection, shown
from mythos.values.yaml_text import parse_yaml

MAX_BYTES = 2**20
_LISTED = 20
_HALF = re.compile("[\ud800-\udfff]")
_KEY = "[key]"  # how pydantic ends the way to a key that is wrong itself

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON-like value, the source it came from, and where each part of it stands."""

    value: JsonValue
    source: str
    marks: Marks

    def where(self, path: Path = ()) -> str:
        """`source:line:column` of the value at `path`, or of the nearest part that exists."""
        return self._at(path, {})

    def where_key(self, path: Path) -> str:
        """`source:line:column` of the key that leads to `path`; of the value in a list."""
        return self._at(path, self.marks.keys)

    def _at(self, path: Path, preferred: dict[Path, tuple[int, int]]) -> str:
        for length in range(len(path), -1, -1):
            mark = preferred.get(path[:length]) or self.marks.values.get(path[:length])
            if mark:
                return f"{self.source}:{mark[0]}:{mark[1]}"
        return self.source


def document_of(value: JsonValue, *, source: str) -> Document:
    """A document that was built, not read: it has no positions, only its source."""
    return Document(value, source, Marks())


def read_document(
    text: str, *, source: str, error: type[DocumentError] = DocumentError
) -> Document:
    """Read a YAML or JSON text.

    Args:
        text: at most 1 MiB in UTF-8, nested at most 64 deep; a byte-order mark is skipped.
        source: what to call it in errors, usually a path relative to the fleet's folder.
        error: the family to raise.

    Returns:
        The value with the position of each part.

    Raises:
        DocumentError: of family `error`, with `where` set, for anything that is not one document.
    """
    try:
        _check_size(text)
        parsed = _parse(text.removeprefix("\ufeff"), strict_json=source.endswith(".json"))
        if "\\u" in text:
            _refuse_half_pairs(parsed)
    except DocumentError as problem:
        where = f"{source}:{problem.where}" if problem.where else source
        raise error(problem.message, remedy=problem.remedy, where=where) from problem
    return Document(parsed.value, source, parsed.marks)


def _check_size(text: str) -> None:
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        raise DocumentError(
            f"the text is not valid Unicode at character {error.start}",
            remedy="save the file as UTF-8",
        ) from error
    if size_bytes > MAX_BYTES:
        raise DocumentError(
            f"{size_bytes} bytes are more than the {MAX_BYTES} a document may have",
            remedy="split the document",
        )


def _refuse_half_pairs(parsed: Parsed) -> None:
    """JSON can spell half a surrogate pair; nobody can store it, so nobody could sign the text."""
    marks = parsed.marks
    texts = [(path[-1], mark) for path, mark in marks.keys.items()]
    texts += [(_found(parsed.value, path), mark) for path, mark in marks.values.items()]
    for text, mark in texts:
        if isinstance(text, str) and _HALF.search(text):
            raise refusal(
                "this text holds half a surrogate pair, which is no character",
                mark=mark,
                remedy="write the character itself, or both halves",
            )


def _found(value: JsonValue, path: Path) -> str | int:
    """The text at a path; 0 for anything else."""
    for part in path:
        value = value[part]  # type: ignore[index]  # marks lead to what is there
    return value if isinstance(value, str) else 0


def _parse(text: str, *, strict_json: bool) -> Parsed:
    if strict_json:
        return parse_json(text)
    if text.lstrip().startswith(("{", "[")):
        try:
            return parse_json(text)
        except DocumentError:
            return parse_yaml(text)
    return parse_yaml(text)


def validated(model: type[ModelT], document: Document, error: type[DocumentError]) -> ModelT:
    """Turn a document into a model, or every objection into one error.

    Args:
        model: the boundary type.
        document: the value and its positions.
        error: the family to raise.

    Returns:
        The model.

    Raises:
        DocumentError: of family `error`; its message names each wrong part with its position,
            its `where` is the first of them.
    """
    try:
        return model.model_validate(document.value)
    except ValidationError as refusal:
        problems = _problems(refusal, document)
        raise error(
            _message(problems),
            remedy=_remedy(problems),
            where=problems[0].where,
            parts=_apart(problems, error) if len(problems) > 1 else (),
        ) from refusal


@dataclass(frozen=True, slots=True)
class _Problem:
    """One objection: `fork` is the path of a union whose reading `branch` it belongs to."""

    path: str
    where: str
    text: str
    remedy: str
    fork: Path | None
    branch: str | int


def _problems(refusal: ValidationError, document: Document) -> list[_Problem]:
    return _likeliest([_problem(detail, document) for detail in refusal.errors(include_url=False)])


def _problem(detail: ErrorDetails, document: Document) -> _Problem:
    steps = detail["loc"]
    of_key = detail["type"] == EXTRA or steps[-1:] == (_KEY,)
    if detail["type"] == MISSING or steps[-1:] == (_KEY,):
        steps = steps[:-1]
    path, fork, branch = _walk(document.value, steps)
    named = (*path, detail["loc"][-1]) if detail["type"] == MISSING else path
    text, remedy = objection(detail)
    return _Problem(
        path=_label(document.value, named),
        where=document.where_key(path) if of_key else document.where(path),
        text=text,
        remedy=remedy,
        fork=fork,
        branch=branch,
    )


def _label(value: JsonValue, path: Path) -> str:
    """A path in words, with the name of the list's entry that it leads through, if it has one."""
    name = ""
    for part in path:
        if isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
            named = value.get("name") if isinstance(value, dict) else None
            name = f" of {shown(named)}" if isinstance(named, str) else ""
        else:
            value = value.get(str(part)) if isinstance(value, dict) else None
    return "/".join(map(str, path)) + name or "document"


def _walk(value: JsonValue, loc: Path) -> tuple[Path, Path | None, str | int]:
    """Follow pydantic's location through the value; what leads nowhere names a union's branch."""
    path: Path = ()
    fork: Path | None = None
    branch: str | int = ""
    for part in loc:
        if isinstance(value, dict) and part in value:
            value = value[str(part)]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            if fork is None:
                fork, branch = path, part
            continue
        path = (*path, part)
    return path, fork, branch


def _likeliest(problems: list[_Problem]) -> list[_Problem]:
    """Of each union keep the branch with the fewest objections: what was probably meant."""
    counts: dict[Path, dict[str | int, int]] = defaultdict(lambda: defaultdict(int))
    for problem in problems:
        if problem.fork is not None:
            counts[problem.fork][problem.branch] += 1
    meant = {fork: min(branches, key=branches.__getitem__) for fork, branches in counts.items()}
    return [p for p in problems if p.fork is None or meant[p.fork] == p.branch]


def _message(problems: list[_Problem]) -> str:
    if len(problems) == 1:
        return f"{problems[0].path}: {problems[0].text}"
    lines = [f"  {p.where}: {p.path}: {p.text}" for p in problems[:_LISTED]]
    more = len(problems) - len(lines)
    return "\n".join(
        (f"{len(problems)} problems", *lines, *([f"  and {more} more"] if more else []))
    )


def _apart(problems: list[_Problem], error: type[DocumentError]) -> list[DocumentError]:
    return [error(_message([p]), remedy=_remedy([p]), where=p.where) for p in problems]


def _remedy(problems: list[_Problem]) -> str:
    remedies = {problem.remedy for problem in problems}
    return remedies.pop() if len(remedies) == 1 else "correct each place listed"
