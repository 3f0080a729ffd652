"""Where the control plane keeps trust: keys, the site nodes read, one repository an environment.

MYTHOS_HOME/keys/packets/…, keys/deployments/ENV/…   private keys, 0600
MYTHOS_HOME/site/packets/…, site/deployments/ENV/…   TUF metadata
MYTHOS_HOME/site/blobs/sha256/…, index.json          bundles, an OCI image layout
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.conf import settings

from mythos.adapters.oci_layout import OciLayout
from mythos.adapters.trust_repositories import (
    AIR_GAPPED_TERMS,
    DEPLOYMENTS_TERMS,
    DeploymentsRepository,
    PacketsRepository,
)
from mythos.server.catalog.models import Environment


def site() -> Path:
    """The folder whose files nodes may pull."""
    return Path(settings.MYTHOS.home) / "site"


def store() -> OciLayout:
    """Every published bundle."""
    return OciLayout(site())


def packets(*, at: datetime) -> PacketsRepository:
    """The repository of genuine bundles, made on first use."""
    folder = site() / "packets"
    repository = PacketsRepository(folder, keys=Path(settings.MYTHOS.home) / "keys" / "packets")
    if not folder.is_dir():
        repository.initialise(at=at)
    return repository


def deployments(environment: Environment, *, at: datetime) -> DeploymentsRepository:
    """The repository of what one environment runs, made on first use."""
    folder = site() / "deployments" / environment.name
    repository = DeploymentsRepository(
        folder,
        keys=Path(settings.MYTHOS.home) / "keys" / "deployments" / environment.name,
        environment=environment.name,
        terms=AIR_GAPPED_TERMS if environment.air_gapped else DEPLOYMENTS_TERMS,
    )
    if not folder.is_dir():
        repository.initialise(at=at)
    return repository


def repositories(*, at: datetime) -> dict[str, PacketsRepository | DeploymentsRepository]:
    """Every repository that was made, by its path in the site."""
    made: dict[str, PacketsRepository | DeploymentsRepository] = {}
    if (site() / "packets").is_dir():
        made["packets"] = packets(at=at)
    for environment in Environment.objects.all():
        name = f"deployments/{environment.name}"
        if (site() / name).is_dir():
            made[name] = deployments(environment, at=at)
    return made


def root_of(repository: str) -> Path:
    """The file of a repository's first root, for those who are to trust it."""
    return site() / repository / "metadata" / "1.root.json"
