"""Secret scan: refuse well-known shapes of credentials before they become a signed blob.

A bundle is copied to many machines and kept for years, so a secret inside it is lost. The list is
short on purpose: shapes their issuers publish, which hardly occur otherwise. It finds mistakes,
not a determined author; a password without a shape passes. Nothing found is ever printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mythos.errors import BundleSourceError

SHAPES: Mapping[str, re.Pattern[bytes]] = {
    "private key block": re.compile(rb"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"),
    "AWS access key id": re.compile(rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "AWS secret access key": re.compile(
        rb"(?i)aws_?secret_?(?:access_?)?key[\"']?\s{0,4}[:=]\s{0,4}[\"']?[a-z0-9/+]{40}(?![a-z0-9/+])"
    ),
    "model provider key (sk-…)": re.compile(rb"\bsk-[A-Za-z0-9_-]{20,}"),
    "GitHub token": re.compile(rb"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22})"),
    "GitLab token": re.compile(rb"\bglpat-[A-Za-z0-9_-]{20}"),
    "Slack token": re.compile(rb"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    "Google API key": re.compile(rb"\bAIza[A-Za-z0-9_-]{35}"),
    "Hugging Face token": re.compile(rb"\bhf_[A-Za-z0-9]{30,}"),
    "Stripe key": re.compile(rb"\b[sr]k_live_[A-Za-z0-9]{16,}"),
    "JSON Web Token": re.compile(rb"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."),
    "password in a URL": re.compile(rb"[a-z][a-z0-9+.-]{1,20}://[^/\s:@]{1,80}:[^/\s:@${}<>]{3,}@"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One secret shape: which, in which file, on which line (from 1)."""

    shape: str
    path: str
    line: int


def find_secrets(files: Mapping[str, bytes]) -> tuple[Finding, ...]:
    """Find secret shapes in files, ordered by path and line.

    Args:
        files: contents by path as they were read.

    Returns:
        One finding a match; empty when no known shape occurs.
    """
    found = (finding for path, data in files.items() for finding in _in_file(path, data))
    return tuple(sorted(found, key=lambda finding: (finding.path, finding.line, finding.shape)))


def refuse_secrets(files: Mapping[str, bytes]) -> None:
    """Refuse files that hold a secret shape.

    Raises:
        BundleSourceError: one or more matches; names each file, line and shape, never the value.
    """
    found = find_secrets(files)
    if found:
        said = "\n".join(f"{f.path}:{f.line}: looks like a {f.shape}" for f in found)
        raise BundleSourceError(
            f"{len(found)} secret(s) in the source tree\n{said}",
            remedy="revoke it, then name it in `runtime.secrets` as `env:NAME` or `file:PATH`",
        )


def _in_file(path: str, data: bytes) -> Iterator[Finding]:
    for shape, pattern in SHAPES.items():
        for match in pattern.finditer(data):
            yield Finding(shape, path, data.count(b"\n", 0, match.start()) + 1)
