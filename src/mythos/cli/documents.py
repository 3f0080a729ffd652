"""Documents named on a command line: files to text and to checked values.

Law: an error names the file as it was given, and every command reads a file in one way.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mythos.errors import AgentError, CatalogueError, DocumentError

if TYPE_CHECKING:
    from mythos.values.agent import Agent
    from mythos.values.tools import ToolCatalogue


def document_text(path: Path, error: type[DocumentError]) -> str:
    """A document's text, no longer than a document may be.

    Args:
        path: the file.
        error: what to raise.

    Raises:
        DocumentError: of the type asked for; the file cannot be read, is too long or is not UTF-8.
    """
    from mythos.values.source import MAX_BYTES

    try:
        with path.open("rb") as file:
            read = file.read(MAX_BYTES + 1)
        if len(read) > MAX_BYTES:
            raise error(
                f"the file is longer than the {MAX_BYTES} bytes a document may have",
                remedy="split the document, or name the file that was meant",
                where=str(path),
            )
        return read.decode()
    except UnicodeDecodeError as broken:
        raise error(
            f"byte {broken.start} is not UTF-8", remedy="save the file as UTF-8", where=str(path)
        ) from broken
    except OSError as broken:
        raise error(
            f"the file cannot be read: {broken.strerror}",
            remedy="correct its permissions",
            where=str(path),
        ) from broken


def read_catalogues(paths: Iterable[Path]) -> list[ToolCatalogue]:
    """Tool catalogues, one a domain; the same one given twice counts once.

    Raises:
        CatalogueError: a file is no catalogue, or two that differ claim one domain.
    """
    from mythos.values.source import read_document, validated
    from mythos.values.tools import ToolCatalogue

    found: dict[str, ToolCatalogue] = {}
    for path in paths:
        text = document_text(path, CatalogueError)
        document = read_document(text, source=str(path), error=CatalogueError)
        catalogue = validated(ToolCatalogue, document, CatalogueError)
        if found.setdefault(catalogue.domain, catalogue) != catalogue:
            raise CatalogueError(
                f"a second catalogue of the domain {catalogue.domain!r} that differs",
                remedy="give one catalogue a domain",
                where=str(path),
            )
    return list(found.values())


def read_agents(paths: Iterable[Path]) -> list[tuple[str, Agent]]:
    """Agent documents with the digests that a bundle would give them; one given twice counts once.

    Raises:
        AgentError: a file is no agent document, or two that differ have one name.
    """
    from mythos.values.agent import Agent
    from mythos.values.digest import canonical_bytes, digest_of
    from mythos.values.source import read_document, validated

    found: dict[str, tuple[str, Agent]] = {}
    for path in paths:
        document = read_document(
            document_text(path, AgentError), source=str(path), error=AgentError
        )
        one = validated(Agent, document, AgentError)
        body = one.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        known = found.setdefault(one.name, (digest_of(canonical_bytes(body)), one))
        if known[1] != one:
            raise AgentError(
                f"a second agent named {one.name!r} that differs",
                remedy="give one document an agent",
                where=str(path),
            )
    return list(found.values())
