"""Events: what the CRMs sent, what it was about, and what became of it."""

from starlette.responses import Response

from webhook_gateway.console.rendering import render
from webhook_gateway.console.routes import page
from webhook_gateway.console.visit import Visit
from webhook_gateway.resources.events import DeliveryQuery, Events

MOST_OF_PAGE = 25


class EventPages:
    """Events."""

    @page("/events")
    async def events(self, visit: Visit) -> Response:
        """List deliveries, newest first."""
        query = visit.asked(DeliveryQuery, pageSize=MOST_OF_PAGE)
        found = await visit.call(Events.list_events, query=query)
        return render(visit, "events.html", {"title": "Events", "page": found})

    @page("/events/{delivery_key}")
    async def delivery(self, visit: Visit) -> Response:
        """Show one delivery."""
        key = visit.request.path_params["delivery_key"]
        found = await visit.call(Events.get_events, delivery_key=key)
        values = {
            "title": "Delivery",
            "crumbs": [("Events", "/ui/events")],
            "delivery": found,
        }
        return render(visit, "delivery.html", values)
