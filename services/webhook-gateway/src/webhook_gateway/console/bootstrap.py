"""Builds the console over the resources of the API."""

import time
from collections.abc import Mapping, Sequence

from grpc.aio import Channel

from webhook_gateway.console.codes import Codes
from webhook_gateway.console.oidc import OpenIdProvider
from webhook_gateway.console.operations import Operations
from webhook_gateway.console.pages.conflicts import ConflictPages
from webhook_gateway.console.pages.events import EventPages
from webhook_gateway.console.pages.find import FindPages
from webhook_gateway.console.pages.integrations import IntegrationPages
from webhook_gateway.console.pages.leads import LeadPages
from webhook_gateway.console.pages.mapping import MappingPages
from webhook_gateway.console.pages.matches import MatchPages
from webhook_gateway.console.pages.overview import OverviewPages
from webhook_gateway.console.pages.runs import RunPages
from webhook_gateway.console.pages.work import WorkPages
from webhook_gateway.console.session import Sessions
from webhook_gateway.console.site import Site
from webhook_gateway.http.tries import FailedTries
from webhook_gateway.logs import ThinnedLines
from webhook_gateway.revocations import Revocations
from webhook_gateway.settings import Settings

PAGES: tuple[type, ...] = (
    *(OverviewPages, EventPages, WorkPages, LeadPages, ConflictPages, MatchPages, RunPages, IntegrationPages),
    *(MappingPages, FindPages),
)


def build_console(
    store: Channel,
    resources: Sequence[object],
    settings: Settings,
    revocations: Revocations,
    lines: ThinnedLines,
    titles: Mapping[str, str],
) -> Site:
    """Build the console. `titles` are the names of CRMs for people."""
    given: dict[type, object] = {IntegrationPages: IntegrationPages(settings.providers, settings.api_url)}
    pages = [given.get(kind) or kind() for kind in PAGES]
    return Site(
        pages,
        Operations(resources),
        Sessions(settings.token_keys, revocations),
        Codes(store).spend,
        FailedTries(time.monotonic),
        lines,
        api_url=settings.api_url,
        titles=titles,
        provider=OpenIdProvider(settings.oidc, settings.api_url) if settings.oidc else None,
    )
