"""What the witness remembers of a node's memory logs, as a file that is carried to the node.

It is the payload of a DSSE envelope, signed by the online key of the node's environment, whose
root the node pinned when it was enrolled.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mythos.values.accept_order import MAX_ORDERS, AcceptOrder
from mythos.values.base import Value
from mythos.values.evidence import EnvironmentName, NodeName

VIEW_TYPE = "application/vnd.mythos.witness.v1+json"


class WitnessView(Value):
    """Cosigned checkpoints, one a log, and the verifier key of who cosigned them.

    `orders` are an operator's words about memories of this node; left out where there are none.
    """

    schema_: Literal["mythos.witness/1"] = Field(default="mythos.witness/1", alias="schema")
    node: NodeName
    environment: EnvironmentName
    vkey: Annotated[str, Field(max_length=300)]
    notes: Annotated[tuple[str, ...], Field(max_length=10_000)] = ()
    orders: Annotated[tuple[AcceptOrder, ...], Field(max_length=MAX_ORDERS)] = ()
