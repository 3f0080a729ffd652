"""How a node talks to its control plane: one HTTP client, every failure a clear error.

Nothing in an answer is trusted: somebody in the path may send anything, of any length. An answer
that is not of the expected shape was given by nobody, so the node sends again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import httpx
import orjson
from pydantic import ValidationError

from mythos.engines.evidence.plain import plain_line
from mythos.errors import (
    ConflictError,
    EvidenceError,
    IdentityError,
    MythosError,
    UnavailableError,
)
from mythos.values.digest import canonical_bytes
from mythos.values.enrolment import Acceptance, EnrolmentRequest

TIMEOUT_S = 10.0
ANSWER_S = 60.0
"""For the body of an answer, which could come byte by byte for ever; not for its headers."""
ANSWER_BYTES = 4 * 2**20
"""An answer that names a thousand logs has about one."""
_FINAL = {403: IdentityError, 409: ConflictError, 410: EvidenceError, 422: EvidenceError}


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What the control plane answers to an envelope.

    `witnessed`: cosigned checkpoints of its memory logs. `view`: the same as a signed file, where
    the node does not know the witness's key yet, or seems to remember a log from before it was let
    begin anew; else empty.
    """

    witnessed: tuple[str, ...] = ()
    view: str = ""


class ControlPlane:
    """The control plane at one address."""

    def __init__(self, server: str, *, pull_token: str = "") -> None:
        headers = {"Authorization": f"Bearer {pull_token}"} if pull_token else {}
        self._client = httpx.Client(
            base_url=server, timeout=TIMEOUT_S, headers=headers, trust_env=False
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def enrol(self, request: EnrolmentRequest) -> Acceptance:
        """Enrol by one-time code.

        Raises:
            IdentityError: the code does not hold.
            ConflictError: the node id is taken.
            UnavailableError: the control plane cannot be reached.
        """
        body = canonical_bytes(request.model_dump(mode="json", by_alias=True))
        answer = self._post("/api/v1/enrol", body, "application/json")
        try:
            return Acceptance.model_validate_json(answer)
        except ValidationError:
            raise self._unheard("its answer is no acceptance") from None

    def send_evidence(self, envelope: bytes) -> Acknowledged:
        """Deliver one signed envelope; counted now or before are both success.

        Returns:
            What the witness remembers, not verified here. An older control plane tells nothing.

        Raises:
            MythosError: 403, 409, 410 or 422: refused for good.
            UnavailableError: not delivered; try again.
        """
        told = self._post("/api/v1/evidence", envelope, "application/vnd.dsse.envelope.v1+json")
        acknowledged = _acknowledged(told)
        if acknowledged is None:
            raise self._unheard("its answer is no acknowledgement")
        return acknowledged

    def _post(self, path: str, body: bytes, content_type: str) -> bytes:
        headers = {"Content-Type": content_type, "Accept-Encoding": "identity"}
        answer, ends_s = bytearray(), time.monotonic() + ANSWER_S
        try:
            with self._client.stream("POST", path, content=body, headers=headers) as response:
                for chunk in response.iter_raw():  # as it was sent: nothing here unpacks itself
                    answer += chunk
                    if len(answer) > ANSWER_BYTES:
                        raise self._unheard(f"its answer has over {ANSWER_BYTES} bytes")
                    if time.monotonic() > ends_s:
                        raise self._unheard(f"its answer takes over {ANSWER_S:g} s")
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise self._unheard(str(error)) from None
        if response.is_success:
            return bytes(answer)
        raise _refusal(response.status_code, bytes(answer))

    def _unheard(self, why: str) -> UnavailableError:
        return UnavailableError(
            f"the control plane at {self._client.base_url} does not answer: {plain_line(why)}",
            remedy="check the address and the network; the node keeps what it has to say",
        )


def _acknowledged(told: bytes) -> Acknowledged | None:
    """What an answer tells; None for one that no control plane gives."""
    try:
        answer = orjson.loads(told)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(answer, dict):
        return None
    notes, view = answer.get("witnessed"), answer.get("view")
    listed = notes if isinstance(notes, list) else ()
    return Acknowledged(
        tuple(note for note in listed if isinstance(note, str)),
        view if isinstance(view, str) else "",
    )


def _refusal(status: int, answer: bytes) -> MythosError:
    """What the control plane said. Only its own words are final: a proxy's 403 loses nothing."""
    family = _FINAL.get(status, UnavailableError)
    try:
        told = orjson.loads(answer)["error"]
        message, remedy = plain_line(str(told["message"])), plain_line(str(told["remedy"]))
    except (orjson.JSONDecodeError, KeyError, TypeError):
        message, remedy = f"status {status}", "look at the control plane's log"
        family = UnavailableError
    return family(f"the control plane answers: {message}", remedy=remedy)
