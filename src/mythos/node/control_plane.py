"""How a node talks to its control plane: one HTTP client, every failure a clear error."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
import orjson

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
        return Acceptance.model_validate_json(answer)

    def send_evidence(self, envelope: bytes) -> Acknowledged:
        """Deliver one signed envelope; counted now or before are both success.

        Returns:
            What the witness remembers, not verified here. An older control plane tells nothing.

        Raises:
            MythosError: 403, 409, 410 or 422: refused for good.
            UnavailableError: not delivered; try again.
        """
        told = self._post("/api/v1/evidence", envelope, "application/vnd.dsse.envelope.v1+json")
        return _acknowledged(told)

    def _post(self, path: str, body: bytes, content_type: str) -> bytes:
        try:
            response = self._client.post(path, content=body, headers={"Content-Type": content_type})
        except httpx.HTTPError as error:
            raise UnavailableError(
                f"the control plane at {self._client.base_url} does not answer: {error}",
                remedy="check the address and the network; the node keeps what it has to say",
            ) from None
        if response.is_success:
            return response.content
        raise _refusal(response)


def _acknowledged(told: bytes) -> Acknowledged:
    """What an answer tells; one of any other shape acknowledges as well."""
    try:
        answer = orjson.loads(told)
        notes, view = answer.get("witnessed"), answer.get("view")
    except (orjson.JSONDecodeError, AttributeError):
        return Acknowledged()
    listed = notes if isinstance(notes, list) else ()
    return Acknowledged(
        tuple(note for note in listed if isinstance(note, str)),
        view if isinstance(view, str) else "",
    )


def _refusal(response: httpx.Response) -> MythosError:
    """What the control plane said. Only its own words are final: a proxy's 403 loses nothing."""
    family = _FINAL.get(response.status_code, UnavailableError)
    try:
        told = response.json()["error"]
        message, remedy = str(told["message"]), str(told["remedy"])
    except (ValueError, KeyError, TypeError):
        message, remedy = f"status {response.status_code}", "look at the control plane's log"
        family = UnavailableError
    return family(f"the control plane answers: {message}", remedy=remedy)
