"""The site nodes pull from: trust metadata and blobs, as files, to enrolled nodes only.

The pull token decides who may *read*; what is believed is decided by signatures alone.
"""

from __future__ import annotations

import re

from django.http import FileResponse, HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from mythos.errors import IdentityError, NotFoundError
from mythos.server.catalog.commands import hash_of
from mythos.server.catalog.models import Node
from mythos.server.deployment import trust

# Segments begin with a letter or digit, so none is `..`; names of bundles may hold spaces.
MAX_PATH = 1_000
_PATH = re.compile(r"(packets|deployments|blobs)(/[A-Za-z0-9][A-Za-z0-9._ -]*){1,20}")


@require_GET
def pull(request: HttpRequest, path: str) -> HttpResponse | FileResponse:
    """One file of the site."""
    _require_node(request)
    file = trust.site() / path
    if len(path) > MAX_PATH or not _PATH.fullmatch(path) or not file.is_file():
        raise NotFoundError(f"the site has no {path}", remedy="publish the bundle again")
    return FileResponse(file.open("rb"), content_type="application/octet-stream")


def _require_node(request: HttpRequest) -> None:
    token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    known = token and Node.objects.filter(pull_token_hash=hash_of(token), retired_at=None).exists()
    if not known:
        raise IdentityError(
            "no enrolled node has this pull token",
            remedy="enrol the node with `mythos node enroll`",
        )
