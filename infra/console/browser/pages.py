"""Which pages there are: the routes of the console's own table (`src/routes.rs`), each with addresses on the stack of the tests.

A route that isn't here fails a test, so a new page is looked at like the others.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote

from stack import ROOT

TABLE = ROOT / "infra/console/src/routes.rs"
ROUTE = re.compile(r'route!\(\s*([A-Z]+)\s+"([^"]+)"\s')


@dataclass
class Story:
    """What is on the stack when the pages are looked at."""

    rejected: str
    applied: str
    object: str
    customer: str
    run: str
    digest: str


def routes():
    """(method, path) of every route."""
    text = TABLE.read_text(encoding="utf-8")
    found = ROUTE.findall(text)
    assert found and len(found) == text.count("route!("), f"{TABLE} has routes that can't be read here"
    return found


def addresses(story):
    """(method, path) of a route → name of a picture → the address of a whole page."""
    rejected = quote(story.rejected)
    return {
        ("GET", "/"): {"overview": "/"},
        ("GET", "/events"): {
            "events": "/events",
            "events-filtered": "/events?type=payment_intent.*&outcome=rejected&domain=payments&mode=test&since=1h",
            "events-none": "/events?type=no.such",
            "filter-refused": "/events?since=yesterday",
        },
        ("GET", "/events/{id}"): {
            "event": f"/events/{quote(story.applied)}",
            "event-rejected": f"/events/{rejected}",
            "event-unknown": "/events/evt_unknown",
        },
        ("GET", "/events/{id}/replay"): {"replay": f"/events/{rejected}/replay"},
        ("GET", "/objects/{id}"): {
            "object": f"/objects/{quote(story.object)}",
            "customer": f"/objects/{quote(story.customer)}",
            "object-unknown": "/objects/pi_unknown",
        },
        ("GET", "/rejected"): {
            "rejected": "/rejected",
            "rejected-group": f"/rejected?outcome=rejected&domain=payments&digest={quote(story.digest)}",
        },
        ("GET", "/dead-letters"): {"dead-letters": "/dead-letters"},
        ("GET", "/dead-letters/{name}"): {"dead-letters-of-payments": "/dead-letters/payments"},
        ("GET", "/runs"): {"runs": f"/runs?run={quote(story.run)}"},
        ("GET", "/setup"): {"setup": "/setup"},
    }


# What is no page: how it is tried instead.
NO_PAGES = {
    ("GET", "/assets/{digest}/{name}"): "every page asks for its files",
    ("GET", "/find"): "test_find: it leads to the page of an id",
    ("GET", "/overview"): "test_live: the part of the overview that comes again",
    ("GET", "/events/{id}/timeline"): "every event's page asks for it",
    ("GET", "/setup/findings"): "the page of the setup asks for it",
    ("POST", "/replays"): "test_newcomer: a replay is confirmed",
}
