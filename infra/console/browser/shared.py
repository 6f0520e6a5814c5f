"""The stack, its console's browser, and what is on the stack: one for all tests. `__main__` fills it in."""

import contextlib
import tempfile
import unittest
from urllib.parse import parse_qs, urlsplit

from chromium import Chromium
from pages import Story
from stack import ROOT, Stack

SCREENSHOTS = ROOT / "target/screenshots"

# What a page may not take for markup.
MARKUP = '</code></pre><script>document.title="taken"</script><img src=x onerror="document.title=\'taken\'">'
BEYOND_DOUBLES = 2**53 + 1

# A replay that takes long: of all events, one per second. They go in a batch of 10, one of 100, and the rest.
LONG = "/replays?type=*&rate=1"


class Shared:
    stack: Stack
    browser: Chromium
    # The browser of the tests that look at every page, beside the others.
    looker: Chromium
    story: Story
    scratch: str


@contextlib.contextmanager
def all_of_it():
    """The stack and the browser, until the end of the context."""
    with tempfile.TemporaryDirectory(prefix="sluice-browser-") as Shared.scratch, Stack(Shared.scratch) as Shared.stack:
        with contextlib.ExitStack() as open_:
            Shared.browser = open_.enter_context(contextlib.closing(Chromium(Shared.stack.address, Shared.scratch)))
            Shared.story = story()
            looker = Chromium(Shared.stack.console("--write"), Shared.scratch)
            Shared.looker = open_.enter_context(contextlib.closing(looker))
            open_.callback(close_kept)
            yield


def story():
    """Puts one of everything on the stack, through the pages."""
    stack, browser = Shared.stack, Shared.browser
    applied = stack.intent(metadata={MARKUP: "1"})
    stack.send(applied)
    rejected = stack.intent(status=None, amount=BEYOND_DOUBLES, statement=MARKUP, metadata={MARKUP: MARKUP})
    stack.send(rejected)
    # No other test has to do with the letters of this domain.
    stack.put_dead_letter("connect", applied)
    browser.open(f"/events/{rejected['id']}")

    def recorded():
        browser.driver.refresh()
        return "object.field_missing" in browser.text()

    browser.until(recorded, "the record of the rejection")
    run = replay(browser, f"/events/{rejected['id']}/replay", "to have a run to look at")
    stopped = replay(browser, LONG, "to have a run to stop")
    confirm(browser, "to have one that was stopped")
    browser.until_text("Resume it")
    browser.open("/failures?outcome=rejected")
    cause = browser.one("td a[href*='domain=payments&code=object.field_missing']").get_attribute("href")
    browser.open("/events?type=customer.subscription.*&outcome=&since=36d")
    subscription = browser.one("tbody a[href^='/events/evt_']").text
    browser.open(f"/events/{subscription}")
    customer = browser.run("return document.querySelector('.json').textContent.match(/cus_[A-Za-z0-9]+/)[0]")
    return Story(
        rejected=rejected["id"],
        applied=applied["id"],
        object=applied["data"]["object"]["id"],
        customer=customer,
        run=urlsplit(run).path.split("/")[-1],
        run_path=run,
        stopped_path=stopped,
        digest=parse_qs(urlsplit(cause).query)["digest"][0],
    )


def confirm(browser, why):
    """Confirms the plan of the page as a person does."""
    browser.one("input[name=why]").send_keys(why)
    browser.one("form.confirm button[type=submit]").click()


def replay(browser, path, why):
    """Confirms the plan of a replay that is at this path. The path of the run."""
    browser.open(path)
    confirm(browser, why)
    browser.until_path("/runs/replay/")
    return browser.path()


KEPT = {}


def kept(*options, **of_browser):
    """Another browser, at another console of the stack, for all tests that want one like it and leave it as it was."""
    key = (options, tuple(of_browser.items()))
    if key not in KEPT:
        KEPT[key] = Chromium(Shared.stack.console(*options), Shared.scratch, **of_browser)
    return KEPT[key]


def close_kept():
    for browser in KEPT.values():
        browser.close()
    KEPT.clear()


class BrowserTest(unittest.TestCase):
    """A test in the shared browser, whose pages may not complain and may not ask for anything of another host."""

    # Whether it runs beside the others: it looks at pages and changes next to nothing.
    beside = False

    def setUp(self):
        self.stack, self.story = Shared.stack, Shared.story
        self.browser = Shared.looker if self.beside else Shared.browser
        self.judged = [self.browser]
        self.browser.show()

    @classmethod
    def opened(cls, *options, **of_browser):
        """Another browser, at another console of the stack, which ends with the class."""
        browser = Chromium(Shared.stack.console(*options), Shared.scratch, **of_browser)
        cls.addClassCleanup(browser.close)
        return browser

    def kept(self, *options, **of_browser):
        """A browser that other tests use too; this one judges it."""
        browser = kept(*options, **of_browser)
        self.judged.append(browser)
        return browser

    def other(self, *options, **of_browser):
        """One for this test alone, which judges it too."""
        browser = self.opened(*options, **of_browser)
        self.judged.append(browser)
        return browser

    def tearDown(self):
        for browser in self.judged:
            self.assertEqual(browser.asked_elsewhere(), [])
            complaints, browser.complaints = browser.complaints, []
            self.assertEqual(complaints, [])
