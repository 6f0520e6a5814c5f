"""A browser that runs no script: everything is there but what comes by itself."""

from pages import addresses
from shared import BrowserTest


class NoScripts(BrowserTest):
    beside = True

    def setUp(self):
        super().setUp()
        self.plain = self.kept("--write", has_scripts=False)

    def test_every_page_is_whole_without_scripts(self):
        for pages in addresses(self.story).values():
            for name, path in pages.items():
                with self.subTest(page=name):
                    self.plain.open(path)
                    self.assertTrue(self.plain.one("h1").text)
                    self.assertTrue(self.plain.one("nav").text)

    def test_the_findings_of_the_setup_are_a_link(self):
        self.plain.open("/setup")
        self.plain.link("Show the findings").click()
        self.plain.until_path("/setup/findings")
        self.assertIn("Nothing to do: ", self.plain.text("body"))

    def test_an_event_is_found_and_replayed_without_scripts(self):
        plain = self.plain
        plain.open("/")
        plain.one("#find").send_keys(self.story.rejected)
        plain.one("form.find button").click()
        plain.until_path(f"/events/{self.story.rejected}")
        self.assertIn("no text at status", plain.text())
        plain.link("What would a replay do?").click()
        plain.until_path(f"/events/{self.story.rejected}/replay")
        plain.one("input[name=why]").send_keys("no script ran")
        plain.one("form.confirm button[type=submit]").click()
        plain.until_path("/runs/replay/")
        self.assertIn("no script ran", plain.text(".facts"))
