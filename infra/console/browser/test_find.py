"""Finding: by id, by keyboard, by filters that stay in the URL."""

from urllib.parse import parse_qs, urlsplit

from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from shared import BrowserTest

# How often Tab is pressed at most until the box is reached.
TABS_MAX = 20


class Find(BrowserTest):
    def focus(self):
        return self.browser.run("const e = document.activeElement; return e.id || e.textContent || e.tagName")

    def test_any_id_leads_to_the_page_of_what_it_names(self):
        story = self.story
        places = {
            story.rejected: f"/events/{story.rejected}",
            story.object: f"/objects/{story.object}",
            story.customer: f"/objects/{story.customer}",
            story.run: f"/runs?run={story.run}",
        }
        for id_, path in places.items():
            with self.subTest(id=id_):
                self.browser.open("/setup")
                self.browser.one("#find").send_keys(f" {id_} ")
                self.browser.one("form.find button").click()
                self.browser.until_path(path)
                self.assertIn(id_, self.browser.text())

    def test_an_account_leads_to_its_events(self):
        self.browser.open("/find?id=acct_1")
        self.assertEqual(self.browser.path(), "/events?account=acct_1")
        self.assertEqual(self.browser.one("form.filter [name=account]").get_attribute("value"), "acct_1")

    def test_an_id_that_nothing_has_is_said_in_words(self):
        self.browser.open("/find?id=evt_unknown")
        self.assertIn("evt_unknown", self.browser.text("[role=alert]"))

    def test_the_keyboard_alone_finds_an_event_and_what_has_the_focus_is_seen(self):
        browser = self.browser
        browser.open("/")
        browser.press(Keys.TAB)
        self.assertEqual(self.focus(), "To the content")
        for _ in range(TABS_MAX):
            browser.press(Keys.TAB)
            outline = browser.run("const s = getComputedStyle(document.activeElement); return s.outlineStyle + s.outlineWidth")
            self.assertEqual(outline, "solid2px", self.focus())
            if self.focus() == "find":
                break
        self.assertEqual(self.focus(), "find")
        browser.press(self.story.rejected, Keys.ENTER)
        browser.until_path(f"/events/{self.story.rejected}")

    def test_a_slash_moves_to_the_box_but_is_a_letter_while_someone_types(self):
        browser = self.browser
        browser.open("/events")
        browser.press("/")
        self.assertEqual(self.focus(), "find")
        browser.press("a/b")
        self.assertEqual(browser.one("#find").get_attribute("value"), "a/b")

    def test_the_first_tab_and_enter_skip_the_menu(self):
        browser = self.browser
        browser.open("/failures")
        browser.press(Keys.TAB, Keys.ENTER, Keys.TAB)
        self.assertTrue(browser.run("return document.querySelector('main').contains(document.activeElement)"), self.focus())

    def test_a_replay_is_confirmed_with_the_keyboard_alone(self):
        browser = self.browser
        browser.open(f"/events/{self.story.rejected}/replay")
        browser.run("document.querySelector('input[name=why]').focus()")
        browser.press("by keyboard", Keys.ENTER)
        browser.until_path("/runs/replay/")
        self.assertIn("by keyboard", browser.text(".facts"))

    def filtered(self):
        """The fields of the filter as the page shows them, and those of the address."""
        fields = self.browser.all("form.filter [name]")
        shown = {one.get_attribute("name"): one.get_attribute("value") for one in fields}
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.browser.path()).query).items()}
        return {name: value for name, value in shown.items() if value}, asked

    def test_a_filter_is_in_the_address_and_is_there_again_after_reload_and_back(self):
        browser = self.browser
        browser.open("/events")
        browser.one("form.filter [name=type]").send_keys("payment_intent.*")
        for name, value in (("outcome", "rejected"), ("domain", "payments"), ("mode", "test"), ("since", "1h")):
            Select(browser.one(f"form.filter [name={name}]")).select_by_value(value)
        browser.one("form.filter button").click()
        browser.until_path("/events?type=payment_intent")
        wanted = {"type": "payment_intent.*", "outcome": "rejected", "domain": "payments", "mode": "test", "since": "1h"}
        self.assertEqual(self.filtered(), (wanted, wanted))
        self.assertIn(self.story.rejected, browser.text("table"))
        self.assertNotIn(self.story.applied, browser.text("table"))
        browser.driver.refresh()
        self.assertEqual(self.filtered(), (wanted, wanted))

        browser.link(self.story.rejected).click()
        browser.until_path(f"/events/{self.story.rejected}")
        browser.driver.back()
        browser.until_path("/events?")
        self.assertEqual(self.filtered(), (wanted, wanted))
        browser.link("Clear").click()
        browser.until(lambda: browser.path() == "/events", "no filter")
        browser.driver.back()
        browser.until_path("/events?")
        self.assertEqual(self.filtered(), (wanted, wanted))

    def test_the_next_page_keeps_the_filter_and_has_other_events(self):
        browser = self.browser
        browser.open("/events?mode=test&since=36d")
        rows = "tbody a[href^='/events/evt_']"
        first = {one.text for one in browser.all(rows)}
        browser.link("Older").click()
        browser.until_path("/events?mode=test&since=36d&after=")
        second = {one.text for one in browser.all(rows)}
        self.assertTrue(first and second)
        self.assertEqual(first & second, set())
        browser.link("Newest").click()
        browser.until(lambda: browser.path() == "/events?mode=test&since=36d", "the first page")
