"""Every error MythOS raises on purpose, with what to do about it.

    MythosError                      500  1
    ├── UsageError                   400  2   the command line or request is wrong
    │   └── ConfigError              500  2   an environment variable is wrong
    ├── DocumentError                422  1   a file a person wrote is wrong (file, line, column)
    │   ├── PolicyError                       a policy set
    │   ├── WorkflowError                     a workflow
    │   ├── CatalogueError                    a tool catalogue
    │   ├── AgentError                        an agent document
    │   └── BundleSourceError                 the source tree of a fleet
    ├── TelemetryError               400  1   OTLP that cannot be read
    ├── EvidenceError                422  1   impossible counts or a malformed row
    │   ├── EvidenceForkError        409  1   one envelope id, two contents
    │   └── EvidenceExpiredError     410  1   older than retention
    ├── MemoryLogError               422  1   a log, proof or checkpoint that does not hold
    ├── TrustError                   403  1   a signature, digest, version or expiry that fails
    │   └── IdentityError            403  1   an unknown node, or one that speaks for another
    ├── BundleError                  422  1   a layout or archive that is not what it claims
    ├── PlacementError               422  1   a fleet or request no plan can be made for
    ├── NotFoundError                404  1
    ├── ConflictError                409  1   the state does not allow it now
    └── UnavailableError             503  1   a port, peer or tool that is not there

Each error says what was seen and what was expected, and carries a `remedy`: one sentence on what
to do now. A family fixes the HTTP status and the exit code.
"""

from __future__ import annotations

from collections.abc import Sequence


class MythosError(Exception):
    """Base of all; never raised itself."""

    http_status = 500
    exit_code = 1

    def __init__(self, message: str, *, remedy: str, where: str = "") -> None:
        """Keep what was seen, what to do now, and where (`file:line:column`, may be empty)."""
        super().__init__(f"{where}: {message}" if where else message)
        self.message = message
        self.remedy = remedy
        self.where = where


class UsageError(MythosError):
    """The command line or the request is wrong."""

    http_status = 400
    exit_code = 2


class ConfigError(UsageError):
    """One or more environment variables are wrong."""

    http_status = 500


class DocumentError(MythosError):
    """A file a person wrote is wrong."""

    http_status = 422

    def __init__(
        self, message: str, *, remedy: str, where: str = "", parts: Sequence[DocumentError] = ()
    ) -> None:
        """`parts`: the single objections of an error that lists several, in their order."""
        super().__init__(message, remedy=remedy, where=where)
        self._parts = tuple(parts)

    @property
    def each(self) -> tuple[DocumentError, ...]:
        """Every objection by itself: the parts of one that lists several, else this alone."""
        return tuple(one for part in self._parts for one in part.each) or (self,)


class PolicyError(DocumentError):
    """A policy set is wrong."""


class WorkflowError(DocumentError):
    """A workflow is wrong."""


class CatalogueError(DocumentError):
    """A tool catalogue is wrong."""


class AgentError(DocumentError):
    """An agent document is wrong."""


class BundleSourceError(DocumentError):
    """The source tree of a fleet is wrong."""


class TelemetryError(MythosError):
    """OTLP that cannot be read."""

    http_status = 400


class EvidenceError(MythosError):
    """Impossible counts or a malformed evidence row."""

    http_status = 422


class EvidenceForkError(EvidenceError):
    """One envelope id with two contents."""

    http_status = 409


class EvidenceExpiredError(EvidenceError):
    """Evidence older than retention."""

    http_status = 410


class MemoryLogError(MythosError):
    """A memory log, proof or checkpoint that does not hold."""

    http_status = 422


class TrustError(MythosError):
    """A signature, digest, version or expiry that fails."""

    http_status = 403


class IdentityError(TrustError):
    """An unknown node, or one that speaks for another."""


class BundleError(MythosError):
    """A layout or archive that is not what it claims to be."""

    http_status = 422


class PlacementError(MythosError):
    """A fleet or request for which no plan can be made."""

    http_status = 422


class NotFoundError(MythosError):
    """Nothing has that name or digest."""

    http_status = 404


class ConflictError(MythosError):
    """The present state does not allow it."""

    http_status = 409


class UnavailableError(MythosError):
    """A port, peer or tool that is not there."""

    http_status = 503
