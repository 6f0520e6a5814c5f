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
    run_path: str
    # Of a run that a person stopped, and that may be resumed.
    stopped_path: str
    digest: str


def routes():
    """(method, path) of every route."""
    text = TABLE.read_text(encoding="utf-8")
    found = ROUTE.findall(text)
    assert found and len(found) == text.count("route!("), f"{TABLE} has routes that can't be read here"
    return found


# The end of the name of a picture whose parts to open are open.
OPEN = "-open"


def addresses(story):
    """(method, path) of a route → name of a picture → the address of a whole page.

    Letters are those of connect, which no other test looks at. In this order: what looks at dead letters hides them for a moment, and what plans with them gives them back.
    """
    rejected = quote(story.rejected)
    key = quote(f"platform#test#{story.object}", safe="")
    cause = f"domain=payments&code=object.field_missing&digest={quote(story.digest)}"
    return {
        ("GET", "/"): {"overview": "/", f"overview{OPEN}": "/?span=day"},
        ("GET", "/numbers/{measure}"): {"numbers": "/numbers/deliveries?span=day"},
        ("GET", "/events"): {
            "events": "/events",
            "events-filtered": "/events?type=payment_intent.*&outcome=rejected&domain=payments&mode=test&since=1h",
            "events-none": "/events?type=no.such",
            "filter-refused": "/events?since=yesterday",
        },
        ("GET", "/search"): {
            "search": f"/search?body={quote(f'data.object.id = {story.object}')}&since=1h",
            "search-none": "/search?body=no.such%20exists",
            "search-refused": "/search?body=data.object.amount%20%3D",
        },
        ("GET", "/events/{id}"): {
            "event": f"/events/{quote(story.applied)}",
            "event-rejected": f"/events/{rejected}",
            "event-unknown": "/events/evt_unknown",
        },
        ("GET", "/events/{id}/replay"): {"replay": f"/events/{rejected}/replay"},
        ("GET", "/actions"): {"actions": "/actions"},
        ("GET", "/replays"): {
            "replays": "/replays",
            "replays-filtered": "/replays?type=payment_intent.*&rate=1",
            "replays-forced": f"/replays?id={quote(story.applied)}&force=yes",
            "replays-none": "/replays?type=no.such",
        },
        ("GET", "/actions/redrive"): {"redrive": "/actions/redrive?domain=connect"},
        ("GET", "/actions/discard"): {"discard": "/actions/discard?domain=connect"},
        ("GET", "/actions/rebuild"): {
            "rebuild": f"/actions/rebuild?domain=payments&key={key}&without_key=yes",
            "rebuild-domain": "/actions/rebuild?domain=subscriptions&without_key=yes",
        },
        ("GET", "/actions/rollback"): {"rollback": "/actions/rollback?function=payments"},
        ("GET", "/actions/reconcile"): {"reconcile-plan": "/actions/reconcile"},
        ("GET", "/objects/{id}"): {
            "object": f"/objects/{quote(story.object)}",
            "object-customer": f"/objects/{quote(story.customer)}",
            "object-unknown": "/objects/pi_unknown",
        },
        ("GET", "/customers/{id}"): {
            "customer": f"/customers/{quote(story.customer)}",
            "customer-asked": f"/customers/{quote(story.customer)}?use=prod_unknown",
        },
        ("GET", "/failures"): {
            "failures": "/failures",
            "failures-filtered": "/failures?outcome=rejected&domain=payments&type=charge.none&since=1h",
            "failures-letters": "/failures?domain=connect&letters=yes",
        },
        ("GET", "/failures/cause"): {
            "cause": f"/failures/cause?{cause}",
            "cause-gone": "/failures/cause?domain=payments&code=no.such",
            "cause-unnamed": "/failures/cause",
        },
        ("GET", "/dead-letters"): {"dead-letters": "/dead-letters"},
        ("GET", "/dead-letters/{name}"): {"dead-letters-of-connect": "/dead-letters/connect"},
        ("GET", "/runs"): {"runs": f"/runs?run={quote(story.run)}", "runs-of-a-kind": "/runs?kind=replay"},
        ("GET", "/runs/{kind}/{name}"): {
            "run": story.run_path,
            "run-stopped": story.stopped_path,
            "run-unknown": "/runs/replay/replay-unknown?began=1",
        },
        ("GET", "/reconcile"): {"reconcile": "/reconcile"},
        ("GET", "/setup"): {f"setup{OPEN}": "/setup", "setup": "/setup"},
    }


# What is no page: how it is tried instead.
NO_PAGES = {
    ("GET", "/assets/{digest}/{name}"): "every page asks for its files",
    ("GET", "/find"): "test_find: it leads to the page of an id",
    ("GET", "/live/overview"): "test_live: the stream of the overview",
    ("GET", "/live/events/{id}"): "test_live: the stream of an event",
    ("GET", "/live/runs"): "test_live: the stream of the runs",
    ("GET", "/numbers"): "the overview asks for it",
    ("GET", "/numbers.json"): "the overview draws it",
    ("GET", "/reconcile.json"): "the page of reconcile draws it",
    ("GET", "/search/further"): "test_search: the page of a search asks for it",
    ("GET", "/events/{id}/timeline"): "every event's page asks for it",
    ("GET", "/live/runs/{kind}/{name}"): "test_actions: a run is watched",
    ("GET", "/setup/findings"): "the page of the setup asks for it",
    ("GET", "/setup/{part}"): "the page of the setup asks for each when it is opened",
    ("POST", "/events/{id}/body"): "test_actions: a body is shown unmasked",
    ("POST", "/replays"): "test_newcomer, test_actions: a replay is confirmed",
    ("POST", "/actions/redrive"): "test_actions",
    ("POST", "/actions/discard"): "test_actions",
    ("POST", "/actions/rebuild"): "test_actions",
    ("POST", "/actions/rollback"): "tests/it/console_actions.rs: this stack has one version of a function, and nothing to roll back to",
    ("POST", "/actions/reconcile"): "test_actions",
    ("POST", "/runs/{kind}/{name}/stop"): "test_actions",
    ("POST", "/runs/{kind}/{name}/resume"): "test_actions",
}
