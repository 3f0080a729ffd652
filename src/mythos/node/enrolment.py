"""Enrolment from the node's side: by one-time code, or by two files across an air gap."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from mythos.adapters.atomic_file import write_atomically
from mythos.adapters.dsse import open_envelope, sign_envelope, unverified_payload
from mythos.adapters.key_file import SigningKey, create_key, load_key
from mythos.adapters.root_keys import keys_of
from mythos.errors import ConflictError, IdentityError, TrustError
from mythos.node.control_plane import ControlPlane
from mythos.node.home import NodeHome
from mythos.values.digest import canonical_bytes
from mythos.values.enrolment import ACCEPTANCE_TYPE, REQUEST_TYPE, Acceptance, EnrolmentRequest


def enrol_online(home: NodeHome, *, server: str, node: str, code: str) -> Acceptance:
    """Enrol over the network.

    Raises:
        ConflictError: this folder is enrolled already.
        IdentityError: the code does not hold.
        UnavailableError: the control plane does not answer.
    """
    key = _key_of(home)
    plane = ControlPlane(server)
    try:
        acceptance = plane.enrol(EnrolmentRequest(node=node, code=code, public_key=key.public.pem))
    finally:
        plane.close()
    _check(acceptance, key)
    if acceptance.node != node:
        raise IdentityError(
            f"the control plane accepted {acceptance.node}, not {node}",
            remedy="check --server, then ask the operator for a code for this node",
        )
    home.accept(acceptance)
    return acceptance


def write_request(home: NodeHome, *, node: str, file: Path) -> None:
    """Write the request an operator carries to the control plane.

    It is signed by the new key: who asks holds it.

    Raises:
        ConflictError: this folder is enrolled already.
    """
    key = _key_of(home)
    request = EnrolmentRequest(node=node, public_key=key.public.pem)
    payload = canonical_bytes(request.model_dump(mode="json", by_alias=True))
    write_atomically(file, sign_envelope(payload, REQUEST_TYPE, key))


def accept_file(home: NodeHome, *, file: Path) -> Acceptance:
    """Take the acceptance an operator carried back; this is the moment the roots are trusted.

    It is signed by the key that its own roots name: a file changed on the way, or damaged, is
    found; whoever could replace it whole is kept out by how it was carried.

    Raises:
        ConflictError: this folder is enrolled already, as another or with other roots.
        IdentityError: the file is for another node, changed on its way, or no acceptance.
    """
    acceptance = _signed(file)
    if not home.key.exists():
        raise IdentityError(
            f"{home.root} has asked for nothing: it has no key",
            remedy=f"name the --home that made the request for {acceptance.node}",
        )
    _check(acceptance, load_key(home.key))
    if home.enrolled:
        if home.acceptance() != acceptance:
            raise _enrolled(home)
        return acceptance
    home.accept(acceptance)
    return acceptance


def _signed(file: Path) -> Acceptance:
    try:
        data = file.read_bytes()
        acceptance = Acceptance.model_validate_json(unverified_payload(data))
        # The control plane makes deployments repositories with one online key.
        online, *_ = keys_of(acceptance.deployments_root.encode(), "targets")
        open_envelope(data, online, payload_type=ACCEPTANCE_TYPE)
    except (OSError, ValidationError, TrustError) as error:
        why = error.message if isinstance(error, TrustError) else "it cannot be read as one"
        raise IdentityError(
            f"{file} is no acceptance: {why}",
            remedy="bring the file that `mythos node enroll --sign` wrote, unchanged",
        ) from None
    return acceptance


def _key_of(home: NodeHome) -> SigningKey:
    if home.enrolled:
        raise _enrolled(home)
    return load_key(home.key) if home.key.exists() else create_key(home.key)


def _enrolled(home: NodeHome) -> ConflictError:
    return ConflictError(
        f"{home.root} is enrolled as {home.acceptance().node} already",
        remedy="use another --home, or remove the folder to start anew",
    )


def _check(acceptance: Acceptance, key: SigningKey) -> None:
    if acceptance.key_id != key.key_id:
        raise IdentityError(
            f"the acceptance is for the key {acceptance.key_id[:12]}, this node has "
            f"{key.key_id[:12]}",
            remedy="carry the acceptance to the node that wrote the request",
        )
