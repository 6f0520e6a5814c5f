"""A search in bodies: from the filter's field, page by page, with and without scripts."""

from urllib.parse import quote

from shared import BrowserTest

FOUND = "#found ~ div a[href^='/events/evt_']"


class Search(BrowserTest):
    def found(self, browser):
        return [one.text for one in browser.all(FOUND)]

    def test_what_is_typed_into_the_filter_is_searched_and_stays_in_the_address(self):
        browser = self.browser
        browser.open("/events?mode=test")
        browser.one("form.filter [name=body]").send_keys(f"data.object.id = {self.story.object}")
        browser.one("form.filter button").click()
        browser.until_path("/search?")
        self.assertEqual(self.found(browser), [self.story.applied])
        self.assertIn("1 found", browser.text("#further"))
        self.assertIn("$", browser.text("#further"))
        browser.driver.refresh()
        field = browser.one("form.filter [name=body]").get_attribute("value")
        self.assertEqual(field, f"data.object.id = {self.story.object}")

    def test_what_is_masked_in_a_body_is_not_shown_by_a_search(self):
        event = self.stack.intent(metadata={"order": "private-7"})
        self.stack.send(event)
        browser = self.browser

        def arrived():
            browser.open("/search?body=" + quote('data.object.metadata.order ~ "private-"'))
            return self.found(browser)

        self.assertEqual(browser.until(arrived, "the event"), [event["id"]])
        self.assertNotIn("private-7", browser.text())

    def test_a_fault_of_a_condition_is_said_with_its_place(self):
        self.browser.open("/search?body=" + quote("data.object.id ="))
        self.assertIn("character 17", self.browser.text("[role=alert]"))
        field = self.browser.one("form.filter [name=body]").get_attribute("value")
        self.assertEqual(field, "data.object.id =", "what was typed stays, to be corrected")
        self.assertIn("data.object.metadata.order = 1234", self.browser.text("main"))

    def test_a_search_that_goes_on_by_itself_ends_with_the_window(self):
        browser = self.browser
        browser.open("/search?body=" + quote("data.object.id exists") + "&since=36d")
        self.assertTrue(self.found(browser))
        button = [one for one in browser.all("#further button") if one.text == "Search to the end"]
        self.assertEqual(len(button), 1, browser.text("#further"))
        before = len(self.found(browser))
        button[0].click()
        browser.until(lambda: len(self.found(browser)) > before, "the next page")
        browser.until(lambda: not browser.all("#stop"), "its end")

    def test_without_scripts_a_link_searches_further(self):
        plain = self.other(has_scripts=False)
        plain.open("/search?body=" + quote("data.object.id exists") + "&since=36d")
        first = self.found(plain)
        self.assertTrue(first)
        plain.link("Search further").click()
        plain.until_path("/search?since=36d&body=data.object.id%20exists&after=")
        second = self.found(plain)
        self.assertTrue(second)
        self.assertEqual(set(first) & set(second), set())
