"""Bundles: the brief's MythOSDeploymentPacket as an OCI artifact, and its trust layout.

A bundle is one OCI image manifest with our artifact and config types. Each construct is one
layer: canonical JSON (RFC 8785), digest = identity; memory files are raw layers. No archive, no
timestamp and no tool version lies in the signed bytes: same inputs, same digest.

Two TUF repositories name it: *packets* (genuine: `packets/<name>/<version>` whose content is the
exact manifest bytes) and *deployments* (one an environment: `env/<environment>` = assignment).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from mythos.values.base import Count, Digest, Name, Value
from mythos.values.environment import Labels
from mythos.values.in_words import DESTINATION

ARTIFACT_TYPE: Final = "application/vnd.mythos.packet.v1"
CONFIG_TYPE: Final = "application/vnd.mythos.packet.config.v1+json"
TRUST_TYPE: Final = "application/vnd.mythos.trust.v1"
TRUST_CONFIG_TYPE: Final = "application/vnd.mythos.trust.config.v1+json"
TRUST_METADATA_TYPE: Final = "application/vnd.mythos.trust.metadata.v1+json"
MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE: Final = "application/vnd.oci.image.index.v1+json"

ConstructKind = Literal["agent", "policy_set", "workflow", "tools", "memory", "memory_log"]
LAYER_TYPES: dict[ConstructKind, str] = {
    "agent": "application/vnd.mythos.agent.v1+json",
    "policy_set": "application/vnd.mythos.policy-set.v1+json",
    "workflow": "application/vnd.mythos.workflow.v1+json",
    "tools": "application/vnd.mythos.tools.v1+json",
    "memory": "application/vnd.mythos.memory.v1",
    "memory_log": "application/vnd.mythos.memory-log.v1+json",
}
CONSTRUCT_FOLDERS: dict[ConstructKind, str] = {
    "agent": "agents",
    "policy_set": "policies",
    "workflow": "workflows",
    "tools": "tools",
    "memory": "memory",
    "memory_log": "memory-logs",
}
MAX_LAYERS = 10_000
MAX_MANIFEST_BYTES = 4 * 2**20
TITLE = "org.opencontainers.image.title"
BUNDLE_NAME = "dev.mythos.bundle"
BUNDLE_VERSION = "org.opencontainers.image.version"

Destination = Annotated[str, Field(pattern=DESTINATION, max_length=500)]


class Descriptor(Value):
    """An OCI content descriptor."""

    media_type: str = Field(alias="mediaType")
    digest: Digest
    size: Annotated[int, Field(ge=0, le=2**50)]
    annotations: dict[str, str] = Field(default_factory=dict)


class Construct(Value):
    """One entry of the bundle's index: what a layer is, by name, version and digest."""

    kind: ConstructKind
    name: str
    version: int = 1
    digest: Digest
    size: Count


class BundleConfig(Value):
    """The config blob: what the bundle is called, where it may go, what it holds."""

    schema_: Literal["mythos.packet/1"] = Field(default="mythos.packet/1", alias="schema")
    deployment_name: Name
    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    tags: Labels = Field(default_factory=dict)
    vector: tuple[Destination, ...] = ()
    constructs: tuple[Construct, ...]


class BundleSource(Value):
    """`bundle.yaml`: the head of a fleet's source tree."""

    name: Name
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] = 1
    labels: Labels = Field(default_factory=dict)
    destinations: tuple[Destination, ...] = ()


class Assignment(Value):
    """A deployment target's content: this environment runs this bundle now, or is halted."""

    schema_: Literal["mythos.deployment/1"] = Field(default="mythos.deployment/1", alias="schema")
    environment: str
    state: Literal["run", "halted"] = "run"
    bundle: str
    version: int
    digest: Digest
    length: Count
    sequence: Count
    decision: str = ""


def packet_target(name: str, version: int) -> str:
    """TUF target path of a genuine bundle."""
    return f"packets/{name}/{version}"


def deployment_target(environment: str) -> str:
    """TUF target path of what an environment should run."""
    return f"env/{environment}"
