"""The keys that a root of trust names for a role.

Whoever pins a root can check with it, beside TUF's metadata, what else a role's key has signed.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tuf.api.metadata import Key, Metadata, Root
from tuf.api.serialization import DeserializationError

from mythos.adapters.key_file import PublicKey
from mythos.errors import TrustError


def keys_of(root: bytes, role: str) -> tuple[PublicKey, ...]:
    """Public keys of a role, in the order the root names them.

    Args:
        root: root metadata as it is pinned; its own signatures are not checked here.
        role: `root`, `targets`, `snapshot` or `timestamp`.

    Raises:
        TrustError: no root metadata, no key for the role, or a key that is none.
    """
    try:
        signed = Metadata[Root].from_bytes(root).signed
    except DeserializationError as error:
        raise TrustError(
            "the root of trust cannot be read", remedy="fetch it again from the control plane"
        ) from error
    if not isinstance(signed, Root):
        raise TrustError(
            f"the root of trust holds {signed.type} metadata",
            remedy="fetch it again from the control plane",
        )
    named = signed.roles[role].keyids
    if not named:
        raise TrustError(
            f"the root of trust names no key for {role}",
            remedy="fetch it again from the control plane",
        )
    return tuple(_ed25519(signed.keys[keyid]) for keyid in named)


def _ed25519(key: Key) -> PublicKey:
    try:
        raw = bytes.fromhex(key.keyval["public"])
        return PublicKey(Ed25519PublicKey.from_public_bytes(raw))
    except (KeyError, ValueError) as error:
        raise TrustError(
            f"key {key.keyid[:16]}… of the root of trust is no Ed25519 key",
            remedy="fetch the root again from the control plane",
        ) from error
