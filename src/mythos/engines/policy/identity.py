"""The identity of a policy set: one digest for what it says, wherever it is read.

The digest is over the RFC 8785 form of the document with its rules as verbatim text. Cedar's own
JSON form of the rules would ignore layout, but it follows the version of the engine: the same
file would get another name after an upgrade, and every signature over it would be void. So a
changed comment is a changed policy set. Left out are only what no reader can see: line ends,
blank lines at the end, key order, and keys that repeat their default.
"""

from __future__ import annotations

from pydantic import JsonValue

from mythos.engines.policy.cedar_text import plain_newlines
from mythos.values.digest import canonical_bytes, digest_of
from mythos.values.policy import PolicySet


def canonical(policy_set: PolicySet) -> dict[str, JsonValue]:
    """The policy set as the JSON value that is hashed and signed.

    Returns:
        Only what differs from the defaults; rules verbatim, ended by one line feed.
    """
    value: dict[str, JsonValue] = policy_set.model_dump(mode="json", exclude_defaults=True)
    value["rules"] = plain_newlines(policy_set.rules).rstrip("\n") + "\n"
    return value


def digest(policy_set: PolicySet) -> str:
    """`sha256:` and the hash of the canonical bytes.

    Raises:
        DocumentError: the document holds a value that has no canonical form.

    Source: RFC 8785.
    """
    return digest_of(canonical_bytes(canonical(policy_set)))
