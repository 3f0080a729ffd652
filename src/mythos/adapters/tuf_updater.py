"""python-tuf's client over our sources, at a given time, with failures in our words.

The client's whole workflow (root chain, thresholds, versions, expiry, lengths, hashes) is
python-tuf's; this module only feeds it, fixes its clock and names what it refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import TargetFile
from tuf.ngclient import FetcherInterface, Updater

from mythos.adapters.trust_source import Source
from mythos.errors import MythosError, NotFoundError, TrustError, UnavailableError

_CHECK_ROOT = "check that the pinned root is this repository's"
_ANOTHER = "ask another source, this one changed a file"
_REFUSALS: tuple[tuple[type[Exception], str, str], ...] = (
    (ExpiredMetadataError, "freshness", "renew the repository with `mythos trust renew`"),
    (BadVersionNumberError, "versions", "ask a source that holds the newest metadata"),
    (UnsignedMetadataError, "signatures", _CHECK_ROOT),
    (LengthOrHashMismatchError, "lengths and hashes", _ANOTHER),
    (DownloadLengthMismatchError, "lengths and hashes", _ANOTHER),
    (RepositoryError, "signatures", "ask another source, this one holds malformed metadata"),
)
CHECKS = ("root chain", "signatures", "versions", "lengths and hashes", "freshness")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a repository is not believed: which check failed, what was seen, what to do."""

    check: str
    message: str
    remedy: str

    def error(self, repository: str) -> MythosError:
        """The refusal as an error; a source that gives nothing is unavailable, not untrusted."""
        kind = UnavailableError if self.check == "source" else TrustError
        return kind(f"{repository}: {self.check}: {self.message}", remedy=self.remedy)


class PinnedUpdater(Updater):
    """One refresh of one repository, trusted from a pinned root, judged at a given time."""

    def __init__(
        self, state: Path, *, root: bytes, source: Source, prefix: str, at: datetime
    ) -> None:
        targets = state / "targets"
        targets.mkdir(parents=True, exist_ok=True)
        super().__init__(
            metadata_dir=str(state / "metadata"),
            metadata_base_url=f"{prefix}/metadata",
            target_dir=str(targets),
            target_base_url=f"{prefix}/targets",
            fetcher=_SourceFetcher(source),
            bootstrap=root,
        )
        self._trusted_set.reference_time = at

    def content(self, target: TargetFile) -> bytes:
        """A target's verified bytes, from the state folder when it holds them already."""
        path = self.find_cached_target(target) or self.download_target(target)
        data = Path(path).read_bytes()
        target.verify_length_and_hashes(data)
        return data

    def versions(self) -> dict[str, int]:
        """The version of each role that was accepted."""
        trusted = self._trusted_set
        roles = (trusted.root, trusted.timestamp, trusted.snapshot, trusted.targets)
        return {role.type: role.version for role in roles}

    def holds_until(self) -> datetime:
        """When the first of the accepted roles expires."""
        trusted = self._trusted_set
        roles = (trusted.root, trusted.timestamp, trusted.snapshot, trusted.targets)
        return min(role.expires for role in roles)


def refusal_of(error: RepositoryError | DownloadError) -> Refusal:
    """Name what python-tuf refused."""
    said = str(error)
    if isinstance(error, UnsignedMetadataError) and said.startswith("root"):
        return Refusal("root chain", said, _CHECK_ROOT)
    for kind, check, remedy in _REFUSALS:
        if isinstance(error, kind):
            return Refusal(check, said, remedy)
    return Refusal("source", said, "check the source, or publish the bundle again")


def check_name(error: MythosError) -> str:
    """Which check an error of a refresh stands for: one of `CHECKS`, or `source`."""
    cause = error.__cause__
    if isinstance(cause, RepositoryError | DownloadError):
        return refusal_of(cause).check
    return "source"


class _SourceFetcher(FetcherInterface):
    """Gives python-tuf the pieces of a source; it stops at the length it knows."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            yield from self._source.chunks(url)
        except NotFoundError as error:
            raise DownloadHTTPError(str(error), 404) from error
        except UnavailableError as error:
            raise DownloadError(str(error)) from error
