"""What comes again by itself, and when it doesn't. The page's own timer is kept, so a test needn't wait for it."""

from shared import BrowserTest

# Before a page's own scripts: keeps what they want to be called again and again, and counts what htmx asks for.
KEEP_TIMERS = """
    window.kept = [];
    window.asked = 0;
    const real = window.setInterval;
    window.setInterval = (call, every) => { window.kept.push(call); return real(call, 3_600_000); };
    document.addEventListener("htmx:beforeRequest", () => { window.asked += 1; });
"""
TICK = "const before = window.asked; window.kept.forEach(call => call()); return window.asked - before"


class Live(BrowserTest):
    @classmethod
    def setUpClass(cls):
        cls.tab = cls.opened()
        cls.tab.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": KEEP_TIMERS})

    def setUp(self):
        super().setUp()
        self.judged.append(self.tab)

    def settled(self, path):
        self.tab.open(path)
        self.tab.until_settled()

    def test_the_overview_and_the_runs_ask_again_at_each_tick_and_a_list_of_events_does_not(self):
        for path, asked in (("/", 2), ("/runs", 1), ("/events", 0)):
            self.settled(path)
            self.assertEqual(self.tab.run(TICK), asked, path)
            self.tab.until_settled()

    def test_nothing_is_asked_while_the_tab_is_hidden_and_it_is_fresh_as_soon_as_it_is_seen(self):
        tab = self.tab
        self.settled("/")
        own = tab.driver.current_window_handle
        tab.driver.switch_to.new_window("tab")
        front = tab.driver.current_window_handle
        tab.driver.switch_to.window(own)
        tab.bring_to_front(front)
        tab.until(lambda: tab.run("return document.hidden"), "a hidden tab")
        before = tab.run("return window.asked")
        self.assertEqual(tab.run(TICK), 0)
        tab.bring_to_front(own)
        tab.until(lambda: not tab.run("return document.hidden"), "a visible tab")
        tab.until(lambda: tab.run("return window.asked") > before, "numbers of now")

    def test_a_pause_holds_on_every_page_until_it_is_ended(self):
        tab = self.tab
        self.settled("/")
        button = tab.one("[data-pause]")
        button.click()
        self.assertEqual((button.text, button.get_attribute("aria-pressed")), ("Resume", "true"))
        self.assertEqual(tab.run(TICK), 0)
        self.settled("/runs")
        self.assertEqual((tab.one("[data-pause]").text, tab.run(TICK)), ("Resume", 0))
        tab.one("[data-pause]").click()
        tab.until_settled()
        self.assertEqual((tab.one("[data-pause]").text, tab.run(TICK)), ("Pause", 1))

    def test_log_lines_come_into_the_timeline_of_an_event_by_themselves(self):
        self.settled(f"/events/{self.story.applied}")
        self.tab.until(lambda: not self.tab.all("#timeline button"), "the timeline with log lines")
        self.assertIn("payments", self.tab.text("#timeline"))
