"""`/api/v1` for people's scripts and automation: JSON, signed in.

Law: a GET writes nothing; a change is an operator's, and carries the session's CSRF token; every
number from outside has two bounds; every refusal has the one shape of `values.problem`. What nodes
call (evidence, enrolment, the site) is not here: those are plain views with their own proof of
identity.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.operation import Operation
from ninja.security import SessionAuth

from mythos import __version__
from mythos.errors import MythosError, NotFoundError
from mythos.server.deployment.api import router as deployment
from mythos.server.memories.api import router as memories
from mythos.server.policies.api import router as policies
from mythos.server.resilience.api import router as resilience
from mythos.server.strategy.api import router as strategy
from mythos.server.web import problems
from mythos.server.workflows.api import router as workflows
from mythos.values.problem import Problem, ProblemDetail

_NOT_SIGNED_IN = ProblemDetail(
    type="IdentityError",
    message="you are not signed in",
    remedy="sign in at /login and send its session cookie",
)

_NO_TOKEN_STATUS = 403
_NO_TOKEN = ProblemDetail(
    type="IdentityError",
    message="the request does not carry the CSRF token of its session",
    remedy="send the value of the csrftoken cookie, which every page sets, as X-CSRFToken",
)


class _Api(NinjaAPI):
    """Operations are named by their functions, so that generated clients read well."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """The function's name, which is unique among the routers."""
        return operation.view_func.__name__


api = _Api(
    title="MythOS",
    version=__version__,
    description="Read a fleet's nodes, evidence, policy sets, workflows, memory logs, bundles, "
    "environments and strategy; order hosts to accept keys of memory logs.",
    urls_namespace="api",
    auth=SessionAuth(),
    docs_url=None,  # its page would load from elsewhere, and no request leaves the host
    openapi_url=None,  # served below, behind the same sign-in as all else
)
for router in (resilience, deployment, strategy, policies, workflows, memories):
    api.add_router("", router)


@api.get("/openapi.json", include_in_schema=False)
def read_openapi(request: HttpRequest) -> HttpResponse:
    """This API as an OpenAPI document."""
    return JsonResponse(api.get_openapi_schema())


@api.exception_handler(MythosError)
def refuse(request: HttpRequest, error: MythosError) -> HttpResponse:
    """Answer our own errors with their family's status."""
    return JsonResponse(problems.as_json(error), status=error.http_status)


@api.exception_handler(AuthenticationError)
def refuse_stranger(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    """Answer those who did not sign in; a program is never redirected."""
    return _answer(_NOT_SIGNED_IN, status=401)


@api.exception_handler(ValidationError)
def refuse_parameters(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Answer for parameters outside their bounds."""
    return _answer(_detail(error.errors), status=422)


@api.exception_handler(HttpError)
def refuse_request(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Answer for what is refused before its parameters are read: no token, or a body of no JSON."""
    if error.status_code == _NO_TOKEN_STATUS:
        return _answer(_NO_TOKEN, status=error.status_code)
    detail = ProblemDetail(
        type="UsageError", message=str(error), remedy="send a body of JSON, in UTF-8", where="body"
    )
    return _answer(detail, status=error.status_code)


def no_route(request: HttpRequest, rest: str = "") -> HttpResponse:
    """What stands at every other address below `/api/v1`.

    Raises:
        NotFoundError: always.
    """
    raise NotFoundError(
        f"there is nothing at {request.path[:200]}",
        remedy="ask /api/v1/openapi.json for what there is",
    )


def _detail(errors: list[dict[str, Any]]) -> ProblemDetail:
    places = [".".join(str(part) for part in one["loc"]) for one in errors]
    said = "; ".join(f"{place}: {one['msg']}" for place, one in zip(places, errors, strict=True))
    return ProblemDetail(
        type="UsageError",
        message=said,
        remedy="send parameters within the bounds that /api/v1/openapi.json gives",
        where=places[0] if places else "",
    )


def _answer(detail: ProblemDetail, *, status: int) -> HttpResponse:
    return JsonResponse(Problem(error=detail).model_dump(), status=status)
