"""What a newcomer does first: looks at events that arrive, finds one that was rejected, reads why, and replays it."""

from shared import BrowserTest
from stack import USER


class Newcomer(BrowserTest):
    def number(self, row):
        """The number beside the first cell with this text, of the last hour."""
        self.assertEqual(self.browser.run("return document.title.split(' ')[0]"), "Overview")
        rows = self.browser.all("#overview tbody tr")
        of_row = next(one.text for one in rows if one.text.startswith(f"{row} "))
        return int(of_row.split()[1])

    def tile(self, name):
        tiles = self.browser.all("a.tile")
        return next(tile for tile in tiles if tile.text.startswith(f"{name}\n"))

    def test_events_arrive_and_a_rejected_one_is_found_its_reason_is_read_and_it_is_replayed(self):
        browser = self.browser
        browser.open("/")
        browser.run("window.isSamePage = true")
        before = self.number("received")
        rejected_before = int(self.tile("Rejected").text.split()[1])
        self.assertGreater(before, 0, "the traffic of `make run` was there before")

        event = self.stack.send_rejected()
        browser.until(lambda: self.number("received") > before, "one more that arrived")
        browser.until(lambda: int(self.tile("Rejected").text.split()[1]) > rejected_before, "one more that was rejected")
        self.assertTrue(browser.run("return window.isSamePage"), "the page wasn't loaded again")

        self.tile("Rejected").click()
        browser.until_path("/failures?outcome=rejected")
        cause = next(row for row in browser.all("tbody tr") if "no text at status" in row.text)
        cause.find_element("css selector", "a[href^='/failures/cause']").click()
        browser.until_path("/failures/cause?domain=payments")
        browser.link(event["id"]).click()
        browser.until_path(f"/events/{event['id']}")
        for said in ("payments rejected", "no text at status", "object.field_missing", "infra/runbooks/object.field_missing.md"):
            self.assertIn(said, browser.text(".note.bad"))

        browser.link("What would a replay do?").click()
        browser.until_text("Why, for the record")
        self.assertEqual(browser.path(), f"/events/{event['id']}", "the plan is shown within the page")
        self.assertIn("rejected object.field_missing", browser.text("#replay table"))
        browser.one("input[name=why]").send_keys("the domain was fixed <b>in 1.4</b>")
        browser.one("form.confirm button[type=submit]").click()
        browser.until_path("/runs/replay/replay-")
        for said in (USER, "the domain was fixed <b>in 1.4</b>"):
            self.assertIn(said, browser.text(".facts"))
        # It is rejected once more, which stops the run; the page shows it by itself.
        browser.until_text("stopped", "#progress")

        browser.open(f"/events/{event['id']}")
        browser.until_text(f"by {USER}: the domain was fixed <b>in 1.4</b>", "#timeline")

    def test_dead_letters_are_counted_first_and_looked_at_on_request(self):
        browser = self.browser
        self.stack.put_dead_letter("billing", self.stack.intent())
        browser.open("/dead-letters")
        row = next(row for row in browser.all("tbody tr") if row.text.startswith("billing"))
        self.assertEqual(row.text.split(), ["billing", "1", "0", "Look"])
        row.find_element("css selector", "a.button").click()
        browser.until_path("/dead-letters/billing")
        self.assertIn("payment_intent.succeeded", browser.text())
        browser.link("All queues").click()
        browser.until(lambda: browser.path() == "/dead-letters", "the counts")
        row = next(row for row in browser.all("tbody tr") if row.text.startswith("billing"))
        waiting, hidden = row.text.split()[1:3]
        self.assertEqual(int(waiting) + int(hidden), 1, "it was looked at, and is still there")

    def test_a_replay_without_a_reason_is_not_sent(self):
        browser = self.browser
        browser.open(f"/events/{self.story.rejected}/replay")
        browser.one("form.confirm button[type=submit]").click()
        self.assertEqual(browser.path(), f"/events/{self.story.rejected}/replay")
        self.assertTrue(browser.run("return document.querySelector('input[name=why]').matches(':invalid')"))

    def test_a_replay_can_be_limited_to_a_domain(self):
        browser = self.browser
        browser.open(f"/events/{self.story.applied}")
        browser.link("What would a replay do?").click()
        browser.until_text("What a replay would do")
        self.assertIn("payments", browser.text("#replay table"))
        link = browser.all("#replay a[href*='domain=payments']")
        self.assertTrue(link, browser.text("#replay"))
        link[0].click()
        browser.until(lambda: browser.one("input[name=domain]").get_attribute("value") == "payments", "the narrower plan")

    def test_a_plan_that_is_no_longer_true_is_refused_and_nothing_is_done(self):
        browser = self.browser
        browser.open(f"/events/{self.story.rejected}/replay")
        browser.run("document.querySelector('input[name=digest]').value = '00'")
        browser.one("input[name=why]").send_keys("an old plan")
        browser.one("form.confirm button[type=submit]").click()
        browser.until_text("selection.changed")
        browser.open("/runs")
        self.assertNotIn("an old plan", browser.text())

    def test_a_read_only_console_says_so_shows_the_plan_and_refuses_what_its_page_does_not_offer(self):
        reader = self.kept()
        self.assertIn("read-only", reader.text("header"))
        reader.open(f"/events/{self.story.rejected}/replay")
        self.assertIn("What a replay would do", reader.text())
        self.assertEqual(reader.all("form.confirm"), [])
        status = reader.driver.execute_async_script(
            "fetch('/replays', {method: 'POST', body: new URLSearchParams(arguments[0])}).then(a => arguments[1](a.status))",
            {"event": self.story.rejected, "digest": "00", "why": "a test"},
        )
        self.assertEqual(status, 403)

    def test_a_command_is_copied(self):
        browser = self.browser
        browser.open("/setup")
        grant = {"origin": browser.site, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
        browser.driver.execute_cdp_cmd("Browser.grantPermissions", grant)
        button = browser.one("[data-copy='sluice doctor']")
        button.click()
        browser.until(lambda: button.text == "Copied", "that it was copied")
