"""What a node and the control plane exchange once, to know each other.

Over the network: a one-time code and the node's public key go in, an `Acceptance` comes out. Behind
an air gap: the same two travel as files; the request is signed by the node's new key, which proves
that whoever asks holds it, and the acceptance by the deployments key the roots name.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mythos.values.base import Count, Value
from mythos.values.environment import Capacity
from mythos.values.evidence import EnvironmentName, NodeName

REQUEST_TYPE = "application/vnd.mythos.enrolment-request.v1+json"
ACCEPTANCE_TYPE = "application/vnd.mythos.enrolment-acceptance.v1+json"
Pem = Annotated[str, Field(max_length=2_000, pattern=r"^-----BEGIN PUBLIC KEY-----\n")]


class EnrolmentRequest(Value):
    """A node asks to be known. `code` is empty in a request file: an operator signs that one."""

    schema_: Literal["mythos.enrolment/1"] = Field(default="mythos.enrolment/1", alias="schema")
    node: NodeName
    code: Annotated[str, Field(max_length=64)] = ""
    public_key: Pem
    capacity: Capacity = Capacity()


class Acceptance(Value):
    """The control plane's answer: who the node is, whom it trusts, how often it speaks."""

    schema_: Literal["mythos.acceptance/1"] = Field(default="mythos.acceptance/1", alias="schema")
    node: NodeName
    environment: EnvironmentName
    key_id: str
    air_gapped: bool = False
    dev: bool = False
    server: str = ""
    pull_token: str = ""
    packets_root: str
    deployments_root: str
    cell_s: Annotated[int, Field(ge=1, le=3_600)] = 60
    close_grace_s: Annotated[int, Field(ge=0, le=3_600)] = 30
    run_timeout_s: Annotated[int, Field(ge=1, le=86_400)] = 900
    heartbeat_s: Annotated[int, Field(ge=1, le=3_600)] = 60
    report_every_s: Count = 7 * 86_400
