"""What comes by itself, and when it doesn't: a page has one stream, while its tab is visible and isn't paused."""

from shared import BrowserTest, replay
from stack import USER

# Before a page's own scripts: keeps its streams.
KEEP_STREAMS = """
    window.streams = [];
    const Real = window.EventSource;
    window.EventSource = class extends Real {
      constructor(from) {
        super(from);
        window.streams.push(this);
      }
    };
"""
OPEN = "return window.streams.filter(one => one.readyState === EventSource.OPEN).length"
CLOSED = "return window.streams.every(one => one.readyState === EventSource.CLOSED)"


class Live(BrowserTest):
    @classmethod
    def setUpClass(cls):
        cls.tab = cls.opened("--write")
        cls.tab.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": KEEP_STREAMS})

    def setUp(self):
        super().setUp()
        self.judged.append(self.tab)

    def settled(self, path):
        self.tab.open(path)
        self.tab.until_settled()

    def until_open(self):
        self.tab.until(lambda: self.tab.run(OPEN) == 1, "one stream")

    def test_a_page_that_is_live_has_one_stream_and_any_other_has_none(self):
        event = f"/events/{self.story.applied}"
        for path, streams in (("/", 1), ("/runs", 1), (event, 1), ("/events", 0), (self.story.stopped_path, 0)):
            with self.subTest(path=path):
                self.settled(path)
                self.tab.until(lambda streams=streams: self.tab.run(OPEN) == streams, f"{streams} streams")
                self.assertEqual(self.tab.run("return window.streams.length"), streams)

    def test_a_hidden_tab_has_no_stream_and_shows_what_was_done_meanwhile_once_it_is_seen(self):
        tab = self.tab
        event = f"/events/{self.story.rejected}"
        self.settled(event)
        self.until_open()
        tab.run("window.isSamePage = true")
        own = tab.driver.current_window_handle
        tab.driver.switch_to.new_window("tab")
        front = tab.driver.current_window_handle
        tab.driver.switch_to.window(own)
        tab.bring_to_front(front)
        tab.until(lambda: tab.run("return document.hidden"), "a hidden tab")
        self.assertTrue(tab.run(CLOSED))
        replay(self.browser, f"{event}/replay", "seen from afar")
        tab.bring_to_front(own)
        self.until_open()
        tab.until_text(f"by {USER}: seen from afar", "#timeline")
        self.assertTrue(tab.run("return window.isSamePage"))
        tab.driver.switch_to.window(front)
        tab.driver.close()
        tab.driver.switch_to.window(own)

    def test_a_pause_holds_on_every_page_until_it_is_ended(self):
        tab = self.tab
        self.settled("/")
        self.until_open()
        button = tab.one("[data-pause]")
        button.click()
        self.assertEqual((button.text, button.get_attribute("aria-pressed")), ("Resume", "true"))
        self.assertTrue(tab.run(CLOSED))
        self.settled("/runs")
        self.assertEqual((tab.one("[data-pause]").text, tab.run("return window.streams.length")), ("Resume", 0))
        tab.one("[data-pause]").click()
        self.assertEqual(tab.one("[data-pause]").text, "Pause")
        self.until_open()

    def test_log_lines_come_into_the_timeline_of_an_event_by_themselves(self):
        self.settled(f"/events/{self.story.applied}")
        self.tab.until(lambda: not self.tab.all("#timeline button"), "the timeline with log lines")
        self.assertIn("payments", self.tab.text("#timeline"))
