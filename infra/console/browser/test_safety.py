"""What a browser can be made to do to a console, and what text of others can."""

import http.server
import threading
from urllib.parse import urlsplit

from shared import BEYOND_DOUBLES, MARKUP, BrowserTest

INJECT = """
    const script = document.createElement("script");
    script.textContent = "document.title = 'taken'";
    document.body.append(script);
"""


class Safety(BrowserTest):
    def test_markup_in_an_event_is_shown_as_it_was_written_and_does_nothing(self):
        self.browser.open(f"/events/{self.story.rejected}")
        body = self.browser.run("return document.querySelector('.json').textContent")
        as_json = MARKUP.replace('"', '\\"')
        # The text of a field, and the name of a field of the metadata; the metadata's values are masked.
        self.assertEqual(body.count(as_json), 2)
        self.assertNotIn("taken", self.browser.driver.title)

    def test_a_number_beyond_what_a_script_can_count_is_shown_right(self):
        self.browser.open(f"/events/{self.story.rejected}")
        self.assertIn(f'"amount": {BEYOND_DOUBLES},', self.browser.text(".json"))

    def test_a_script_within_a_page_is_refused_by_the_policy(self):
        browser = self.kept()
        browser.open("/events")
        browser.run(INJECT)
        self.assertNotIn("taken", browser.driver.title)
        browser.read_logs()
        self.assertTrue(any("Content Security Policy" in one for one in browser.complaints), browser.complaints)
        browser.complaints.clear()

    def test_the_printed_address_lets_no_second_browser_in(self):
        other = self.other()
        other.driver.delete_all_cookies()
        other.driver.get(other.address)
        self.assertIn("This browser has not been let in", other.text())

    def test_a_page_of_another_name_that_leads_to_this_machine_is_refused(self):
        other = self.other(hosts="MAP evil.example 127.0.0.1")
        port = urlsplit(other.site).port
        other.driver.get(f"http://evil.example:{port}/")
        self.assertIn("This is not the console's own address", other.text())
        # It asked that name, of course, and its files were refused too.
        other.read_logs()
        other.asked.clear()
        other.complaints.clear()

    def test_a_form_of_another_site_on_this_machine_changes_nothing(self):
        writer = self.other("--write")
        form = f"""<!doctype html><link rel="icon" href="data:,"><form method="post" action="{writer.site}/replays">
            <input name="event" value="{self.story.rejected}"><input name="digest" value="00"><input name="why" value="x">
            <button>Win</button></form>""".encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802
                self.send_response(200)
                self.end_headers()
                self.wfile.write(form)

            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                writer.driver.get(f"http://127.0.0.1:{server.server_port}/")
                writer.read_logs()
                writer.asked.clear()
                writer.one("button").click()
                writer.until_path("/replays")
                self.assertIn("A change has to come from a page of the console", writer.text())
            finally:
                server.shutdown()

    def test_no_script_of_a_page_can_read_the_cookie(self):
        self.assertEqual(self.browser.run("return document.cookie"), "")
        [cookie] = [one for one in self.browser.driver.get_cookies() if one["name"].startswith("sluice_console_")]
        self.assertEqual((cookie["httpOnly"], cookie["sameSite"]), (True, "Strict"))
