"""Every route of the control plane: pages here, `/api/v1` and what nodes call below them."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from mythos.server.deployment.enrolment import enrol_by_code
from mythos.server.deployment.site import pull
from mythos.server.project.api import api, no_route
from mythos.server.resilience.intake import evidence

PAGES: list[URLPattern | URLResolver] = [
    path("", include("mythos.server.web.urls")),
    path("", include("mythos.server.resilience.urls")),
    path("", include("mythos.server.deployment.urls")),
    path("", include("mythos.server.strategy.urls")),
    path("", include("mythos.server.policies.urls")),
    path("", include("mythos.server.workflows.urls")),
    path("", include("mythos.server.memories.urls")),
]

MACHINES: list[URLPattern | URLResolver] = [
    path("api/v1/enrol", enrol_by_code),
    path("api/v1/evidence", evidence),
    path("api/v1/site/<path:path>", pull),
    path("api/v1/", no_route),
    path("api/v1/", api.urls),
    path("api/v1/<path:rest>", no_route),
]
"""`/api/v1` and the routes that nodes call."""

urlpatterns = [*PAGES, *MACHINES]
