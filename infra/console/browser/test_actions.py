"""What changes something: planned, confirmed with a reason, run, and on record; and refused if its plan is outdated."""

from shared import LONG, BrowserTest, confirm, replay
from stack import USER


class Actions(BrowserTest):
    def setUp(self):
        super().setUp()
        self.why = f"<i>{self.id().rsplit('.', 1)[-1]}</i>"

    def confirmed(self, kind, path):
        """Confirms the plan at this path, and waits for the end of its run. What its page says of its progress."""
        browser = self.browser
        browser.open(path)
        confirm(browser, self.why)
        browser.until_path(f"/runs/{kind}/")
        for said in (USER, self.why, kind):
            self.assertIn(said, browser.text(".facts"))
        # The page shows it by itself.
        browser.until(lambda: "done" in browser.text("#progress").split(), "the run's end")
        return browser.text("#progress")

    def state(self):
        """What the page of a run says of its state, and of how far it is."""
        return self.browser.text("#progress [role=status]")

    def dead_letter(self):
        """A dead letter of payments, of an event that was applied."""
        event = self.stack.intent()
        self.stack.send(event)
        self.stack.put_dead_letter("payments", event)
        return event["id"]

    def letters(self, event):
        """How many dead letters of payments this event has."""
        self.browser.open(f"/actions/redrive?domain=payments&event={event}")
        return int(self.browser.text("main p strong").split()[0])

    def test_a_dead_letter_is_moved_back_to_its_queue(self):
        event = self.dead_letter()
        self.assertEqual(self.letters(event), 1)
        progress = self.confirmed("redrive", f"/actions/redrive?domain=payments&event={event}")
        self.assertIn("redriven 1", progress)
        self.browser.until(lambda: self.letters(event) == 0, "no letter any more")

    def test_a_dead_letter_is_given_up(self):
        event = self.dead_letter()
        progress = self.confirmed("discard", f"/actions/discard?domain=payments&event={event}&unchecked=yes")
        self.assertIn("discarded 1", progress)
        self.browser.until(lambda: self.letters(event) == 0, "no letter any more")

    def test_events_are_replayed_by_a_filter(self):
        browser = self.browser
        browser.open("/actions")
        form = browser.one("form[action='/replays']")
        form.find_element("css selector", "[name=type]").send_keys("invoice.paid")
        form.find_element("css selector", "[name=rate]").send_keys("1000")
        form.find_element("css selector", "button").click()
        browser.until_path("/replays?")
        planned = browser.text("main p strong")
        self.assertRegex(planned, r"^[1-9]\d* events?$")
        path = replay(browser, browser.path(), self.why)
        self.assertIn(f"of {planned.split()[0]}", self.state())
        browser.open("/runs?kind=replay")
        row = next(row for row in browser.all("tbody tr") if self.why in row.text)
        self.assertIn(USER, row.text)
        row.find_element("css selector", "a").click()
        browser.until(lambda: browser.path() == path, "the page of the run")

    def test_a_run_is_watched_stopped_and_resumed_at_its_place_each_with_a_reason(self):
        browser = self.browser
        path = replay(browser, LONG, self.why)
        browser.run("window.isSamePage = true")
        begun = self.state()
        browser.until(lambda: self.state() != begun, "progress that comes by itself")
        self.assertTrue(browser.run("return window.isSamePage"))

        confirm(browser, "too fast for them")
        browser.until_text("Resume it")
        self.assertIn(f"by {USER}: too fast for them", self.state())
        stopped = browser.text("#progress strong")

        confirm(browser, "they are ready")
        browser.until_text("Stop it")
        self.assertEqual(browser.path(), path)
        self.assertIn("running", self.state())
        self.assertIn(f"resumed by {USER}: they are ready", browser.text(".facts"))
        browser.until(lambda: browser.text("#progress strong") != stopped, "progress beyond its place")
        self.assertEqual(browser.violations(), [])
        confirm(browser, "enough")
        browser.until_text("Resume it")

    def test_a_run_that_was_stopped_meanwhile_is_not_stopped_again(self):
        browser = self.browser
        path = replay(browser, LONG, self.why)
        # A page that doesn't show by itself what another has done.
        plain = self.other("--write", has_scripts=False)
        plain.open(path)
        confirm(browser, "the first to stop it")
        browser.until_text("Resume it")
        confirm(plain, "too late")
        plain.until_text("Nothing was done")
        browser.open(path)
        self.assertIn("the first to stop it", self.state())

    def test_objects_are_rebuilt(self):
        browser = self.browser
        key = f"platform%23test%23{self.story.object}"
        progress = self.confirmed("rebuild", f"/actions/rebuild?domain=payments&key={key}&without_key=yes")
        self.assertIn("1", progress)
        browser.open("/runs?kind=rebuild")
        self.assertIn(self.why, browser.text("table"))

    def test_a_rebuild_that_was_stopped_is_resumed_at_its_place(self):
        browser = self.browser
        path = self.stack.put_stopped_rebuild("payments", f"platform#test#{self.story.object}", "too slow")
        browser.open(path)
        self.assertIn("too slow", self.state())
        confirm(browser, "at night")
        browser.until(lambda: "done" in self.state().split(), "the run's end")
        self.assertEqual(browser.path(), path)
        self.assertIn(f"resumed by {USER}: at night", browser.text(".facts"))
        # One before it was stopped, and the one that was left.
        self.assertEqual(browser.text("#progress strong"), "2")
        self.assertEqual(browser.all("form.confirm"), [])

    def test_a_body_is_shown_with_personal_data_once_to_who_says_why(self):
        browser = self.browser
        event = self.stack.intent(receipt_email="ann@example.com")
        path = f"/events/{self.stack.send(event)}"
        browser.open(path)
        self.assertNotIn("ann@example.com", browser.text())
        browser.one("details summary").click()
        confirm(browser, self.why)
        browser.until_path(f"{path}/body")
        self.assertIn("ann@example.com", browser.text(".json"))
        self.assertEqual(browser.violations(), [])
        browser.link("Back to the event").click()
        browser.until(lambda: browser.path() == path, "the page of the event")
        self.assertNotIn("ann@example.com", browser.text())
        # The address alone shows nothing.
        browser.open(f"{path}/body")
        self.assertNotIn("ann@example.com", browser.text("body"))
        browser.open("/runs?kind=view")
        row = next(row for row in browser.all("tbody tr") if self.why in row.text)
        self.assertIn(event["id"], row.text)
        self.assertIn(USER, row.text)
        row.find_element("css selector", "a").click()
        browser.until_path(f"/runs/view/view-{event['id']}-")
        self.assertTrue(browser.link(event["id"]))

    def test_the_ledger_is_compared_with_the_list_of_stripe(self):
        self.confirmed("reconcile", "/actions/reconcile")
        self.browser.open("/reconcile")
        self.assertIn("Nothing is wrong with it", self.browser.text())
        self.assertTrue(self.browser.all("table.list tbody tr"))

    def test_an_outdated_plan_is_refused_shown_as_it_is_now_and_may_be_confirmed_then(self):
        browser = self.browser
        event = self.dead_letter()
        path = f"/actions/discard?domain=payments&event={event}&unchecked=yes"
        browser.open(path)
        self.assertIn("1 dead letter", browser.text())
        # One more of the same, meanwhile.
        self.stack.put_dead_letter("payments", self.stack.intent() | {"id": event})
        confirm(browser, self.why)
        browser.until_text("Nothing was done")
        self.assertIn("selection.changed", browser.text("[role=alert]"))
        self.assertIn("2 dead letters", browser.text())
        self.assertEqual(browser.violations(), [])
        self.assertEqual(browser.one("input[name=why]").get_attribute("value"), self.why)
        browser.one("form.confirm button[type=submit]").click()
        browser.until_path("/runs/discard/")
        browser.until_text("discarded 2", "#progress")

    def test_a_plan_that_was_confirmed_twice_is_carried_out_once(self):
        browser = self.browser
        event = self.dead_letter()
        browser.open(f"/actions/redrive?domain=payments&event={event}")
        name = browser.one("input[name=run]").get_attribute("value")
        confirm(browser, self.why)
        browser.until_path("/runs/redrive/")
        browser.driver.back()
        browser.until_path("/actions/redrive")
        confirm(browser, self.why)
        browser.until(lambda: name in browser.path(), "the run that the first one began")
        browser.open("/runs?kind=redrive")
        self.assertEqual(browser.text("table").count(name), 1)

    def test_a_read_only_console_shows_each_plan_and_has_no_button_for_it(self):
        reader = self.kept()
        self.stack.put_dead_letter("subscriptions", self.stack.intent())
        plans = ("/actions/redrive?domain=subscriptions", "/replays?type=invoice.paid", self.story.stopped_path)
        for path in (*plans, f"/events/{self.story.applied}"):
            with self.subTest(path=path):
                reader.open(path)
                self.assertIn("This console is read-only", reader.run("return document.querySelector('main').textContent"))
                self.assertEqual(reader.all("form.confirm"), [])
