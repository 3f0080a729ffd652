"""Reading the source tree of a fleet: files that people wrote become one `ParsedSource`.

    bundle.yaml           name, version, labels, destinations
    agents/*.yaml         one agent each
    policies/*.yaml       one policy set each
    workflows/*.yaml      one workflow each
    tools/*.json          one tool catalogue each
    memory/<agent>/...    files that an agent names in `memory.files`, by their path in the tree
    memory/<agent>.log.sqlite3  the log of that memory, if it has one

A construct is known by the name inside its document; file names mean nothing. Every problem of the
whole tree is reported at once. Symbolic links that lead out of the tree are refused.
"""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mythos.adapters.bundle_memory import log_path, shipped_log
from mythos.adapters.bundle_strays import stray_memories
from mythos.engines.bundle.inventory import unsafe_path
from mythos.engines.bundle.plan import ParsedSource, Part
from mythos.engines.policy.document import load_policy_set
from mythos.engines.policy.identity import canonical as canonical_policy_set
from mythos.errors import (
    AgentError,
    BundleSourceError,
    CatalogueError,
    DocumentError,
    MemoryLogError,
    PolicyError,
    UnavailableError,
    WorkflowError,
)
from mythos.values.agent import Agent
from mythos.values.bundle import CONSTRUCT_FOLDERS, BundleSource, ConstructKind
from mythos.values.source import MAX_BYTES, Document, read_document, validated
from mythos.values.tools import ToolCatalogue
from mythos.values.workflow import canonical as canonical_workflow
from mythos.values.workflow import load_workflow

HEAD = "bundle.yaml"
MAX_MEMORY_BYTES = 64 * 2**20
_SUFFIXES: dict[ConstructKind, str] = {
    "agent": ".yaml",
    "policy_set": ".yaml",
    "workflow": ".yaml",
    "tools": ".json",
}


@dataclass(frozen=True, slots=True)
class _WrittenAgent:
    agent: Agent
    document: Document


@dataclass(slots=True)
class _Tree:
    """What was read so far, and every problem met on the way."""

    folder: Path
    files: dict[str, bytes] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    agents: list[_WrittenAgent] = field(default_factory=list)
    problems: list[DocumentError] = field(default_factory=list)
    unread: set[ConstructKind] = field(default_factory=set)  # kinds with a file that was refused

    def named(self, kind: ConstructKind) -> list[str]:
        """Names of the constructs of one kind."""
        return [part.name for part in self.parts if part.kind == kind]


def read_source(folder: Path) -> ParsedSource:
    """Read a fleet's source tree.

    Args:
        folder: holds `bundle.yaml`.

    Returns:
        Head, constructs in canonical form, and the files as they were read.

    Raises:
        BundleSourceError: every problem of the tree, each with `file:line:column`.
    """
    tree = _Tree(folder.resolve())
    head: BundleSource | None = None
    try:
        head = _head(tree)
    except DocumentError as error:
        tree.problems.append(error)
    for kind, suffix in _SUFFIXES.items():
        for path in _listed(tree, kind, suffix):
            try:
                tree.parts.append(_READERS[kind](tree, path))
            except DocumentError as error:
                tree.problems.append(error)
                tree.unread.add(kind)
    tree.problems.extend(_twins(tree.parts))
    for written in tree.agents:
        tree.problems.extend(_unknown_names(tree, written))
        _read_memory(tree, written)
    if "agent" not in tree.unread:  # a refused one may name what seems stray
        tree.problems.extend(stray_memories(tree.folder, (each.agent for each in tree.agents)))
    if head is None or tree.problems:
        raise all_of(tree.problems)
    return ParsedSource(head, tuple(tree.parts), tree.files)


def _head(tree: _Tree) -> BundleSource:
    document = _document(tree, HEAD, BundleSourceError)
    head = validated(BundleSource, document, BundleSourceError)
    if unsafe_path(head.name):
        raise BundleSourceError(
            f"the name {head.name!r} has an empty, `.` or `..` segment",
            remedy="rename the bundle",
            where=document.where(("name",)),
        )
    return head


def _read_agent(tree: _Tree, path: str) -> Part:
    document = _document(tree, path, AgentError)
    agent = validated(Agent, document, AgentError)
    tree.agents.append(_WrittenAgent(agent, document))
    body = agent.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return Part("agent", agent.name, body, path=path)


def _read_policy_set(tree: _Tree, path: str) -> Part:
    policy_set = load_policy_set(_text(tree, path, PolicyError), source=path)
    body = canonical_policy_set(policy_set)
    return Part("policy_set", policy_set.policy_set, body, policy_set.version, path)


def _read_workflow(tree: _Tree, path: str) -> Part:
    workflow = load_workflow(_text(tree, path, WorkflowError), source=path)
    body = canonical_workflow(workflow)
    return Part("workflow", workflow.name, body, workflow.version, path)


def _read_tools(tree: _Tree, path: str) -> Part:
    document = _document(tree, path, CatalogueError)
    catalogue = validated(ToolCatalogue, document, CatalogueError)
    return Part("tools", catalogue.domain, document.value, path=path)


_READERS: dict[ConstructKind, Callable[[_Tree, str], Part]] = {
    "agent": _read_agent,
    "policy_set": _read_policy_set,
    "workflow": _read_workflow,
    "tools": _read_tools,
}


def _read_memory(tree: _Tree, written: _WrittenAgent) -> None:
    """Take the files an agent's memory is seeded with; each belongs to that agent alone."""
    memory = written.agent.memory
    for number, path in enumerate(memory.files if memory else ()):
        where = written.document.where(("memory", "files", number))
        try:
            tree.parts.append(_memory_file(tree, written.agent.name, path))
        except BundleSourceError as error:
            tree.problems.append(AgentError(error.message, remedy=error.remedy, where=where))
    if memory is not None and os.path.lexists(tree.folder / log_path(written.agent.name)):
        _read_memory_log(tree, written.agent.name)


def _read_memory_log(tree: _Tree, agent: str) -> None:
    """Take the log that lies beside an agent's memory, and hold the memory to it."""
    path = log_path(agent)
    home = f"{agent}/"
    files = {
        part.name.removeprefix(home): part.blob
        for part in tree.parts
        if part.kind == "memory" and part.name.startswith(home)
    }
    try:
        _bytes(tree, path, BundleSourceError, limit=MAX_MEMORY_BYTES)
        body = shipped_log(tree.folder / path, files).model_dump(mode="json", by_alias=True)
    except (MemoryLogError, UnavailableError) as error:
        problem = BundleSourceError(error.message, remedy=error.remedy, where=path)
        tree.problems.append(problem)
    except BundleSourceError as error:
        tree.problems.append(error)
    else:
        tree.parts.append(Part("memory_log", agent, body, path=path))
    tree.files.pop(path, None)  # a database, of which nothing but hashes and salts is shipped


def _memory_file(tree: _Tree, agent: str, path: str) -> Part:
    home = f"{CONSTRUCT_FOLDERS['memory']}/{agent}/"
    if not path.startswith(home) or unsafe_path(path):
        raise BundleSourceError(
            f"memory file {path!r} does not lie in {home}",
            remedy=f"move it to {home} and name it by that path",
        )
    data = _bytes(tree, path, BundleSourceError, limit=MAX_MEMORY_BYTES)
    return Part("memory", path.removeprefix(f"{CONSTRUCT_FOLDERS['memory']}/"), data, path=path)


def _listed(tree: _Tree, kind: ConstructKind, suffix: str) -> Iterator[str]:
    """Paths of the documents of a kind; any other visible file there is a problem."""
    folder = tree.folder / CONSTRUCT_FOLDERS[kind]
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        name = path.relative_to(tree.folder).as_posix()
        if path.name.startswith("."):
            continue
        if path.suffix == suffix:
            yield name
        else:
            tree.problems.append(
                BundleSourceError(
                    f"only *{suffix} files belong into {CONSTRUCT_FOLDERS[kind]}/",
                    remedy="move or rename it",
                    where=name,
                )
            )


def _document(tree: _Tree, path: str, error: type[DocumentError]) -> Document:
    return read_document(_text(tree, path, error), source=path, error=error)


def _text(tree: _Tree, path: str, error: type[DocumentError]) -> str:
    try:
        return _bytes(tree, path, error, limit=MAX_BYTES).decode()
    except UnicodeDecodeError as broken:
        raise error(
            f"byte {broken.start} is not UTF-8", remedy="save the file as UTF-8", where=path
        ) from broken


def _bytes(tree: _Tree, path: str, error: type[DocumentError], *, limit: int) -> bytes:
    file = tree.folder / path
    if not file.resolve().is_relative_to(tree.folder):
        raise error("the link leads out of the tree", remedy="copy the file in", where=path)
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise error("this is no file", remedy="put a regular file there", where=path)
        if status.st_size > limit:
            raise error(f"over {limit} bytes", remedy="split or shorten the file", where=path)
        data = file.read_bytes()
    except OSError as broken:
        raise error(
            f"the file cannot be read: {broken.strerror}",
            remedy="create it, or correct its name and permissions",
            where=path,
        ) from broken
    tree.files[path] = data
    return data


def _twins(parts: Iterable[Part]) -> Iterator[DocumentError]:
    first: dict[tuple[str, str], Part] = {}
    for part in parts:
        known = first.setdefault((part.kind, part.name), part)
        if unsafe_path(part.name):
            yield BundleSourceError(
                f"the name {part.name!r} has an empty, `.` or `..` segment",
                remedy="rename it",
                where=part.path,
            )
        if known is not part:
            yield BundleSourceError(
                f"{part.kind} {part.name!r} is also in {known.path}",
                remedy="rename or remove one of the two",
                where=part.path,
            )


def _unknown_names(tree: _Tree, written: _WrittenAgent) -> Iterator[DocumentError]:
    agent = written.agent
    wanted: tuple[tuple[str, ConstructKind, tuple[str, ...]], ...] = (
        ("tools", "tools", agent.tools),
        ("policies", "policy_set", agent.policies),
        ("workflows", "workflow", agent.workflows),
    )
    for key, kind, names in wanted:
        known = tree.named(kind)
        for number, name in enumerate(names):
            if name not in known and kind not in tree.unread:  # it may be in the refused file
                near = difflib.get_close_matches(name, known, n=1)
                yield AgentError(
                    f"{agent.name} names {kind} {name!r}, which is not in "
                    f"{CONSTRUCT_FOLDERS[kind]}/",
                    remedy=f"write {near[0]!r}" if near else "add it, or correct the name",
                    where=written.document.where((key, number)),
                )


def all_of(problems: list[DocumentError]) -> DocumentError:
    """One error for all problems of a tree: the only one as it is, several as a list."""
    if len(problems) == 1:
        [only] = problems
        return BundleSourceError(only.message, remedy=only.remedy, where=only.where)
    lines = (f"  {p.where}: {p.message} ({p.remedy})" for p in problems)
    return BundleSourceError(
        "\n".join((f"{len(problems)} problems in the source tree", *lines)),
        remedy="correct each place listed",
        parts=problems,
    )
