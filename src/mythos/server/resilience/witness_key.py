"""The key that the control plane cosigns checkpoints of memory logs with.

It lies beside the keys of the trust repositories and signs nothing else, so who holds it can vouch
for logs and for no bundle.
"""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from mythos.adapters.key_file import SigningKey, kept_key
from mythos.engines.memory.cosignature import WITNESS, CosignatureVerifier


def witness_key() -> SigningKey:
    """The key pair, made on first use."""
    return kept_key(Path(settings.MYTHOS.home) / "keys" / "witness.pem")


def witness_verifier() -> CosignatureVerifier:
    """Its public half, as those who check cosignatures know it."""
    return CosignatureVerifier(WITNESS, witness_key().public.raw)
