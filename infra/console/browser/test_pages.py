"""Every page: what it asks for, how it looks in both colours and on a phone, and what axe finds in it."""

import functools
from dataclasses import dataclass

from pages import NO_PAGES, OPEN, addresses, routes
from shared import SCREENSHOTS, BrowserTest, Shared

PHONE = 360
PAGE_BYTES = 100 * 1024

# Light and dark on a screen, and light on a phone: what a picture's name ends with → how it is shown.
LOOKS = {"": {}, "-dark": {"dark": True}, "-phone": {"width": PHONE}}

# What axe judges by colours: in light and in dark. A phone has the colours of light, and all else is judged there once more.
COLOURS = ["color-contrast", "link-in-text-block"]
JUDGED = {"-dark": {"only": COLOURS}, "-phone": {"without": COLOURS}}

OPEN_ALL = "document.querySelectorAll('main details').forEach(one => { one.open = true; })"

# Each part that asks for its content has it: the link that stands for it is gone.
IS_OPEN = """
    const parts = [...document.querySelectorAll("main details [hx-get]")];
    return parts.every(one => !one.querySelector(`:scope > a[href="${one.getAttribute("hx-get")}"]`));
"""

MEASURE = """
    const [navigation] = performance.getEntriesByType("navigation");
    const foreign = document.querySelectorAll("main script:not([src^='/assets/']), main img, main iframe, main [onerror]");
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let spaced = "";
    while (texts.nextNode()) {
      const { data, parentElement } = texts.currentNode;
      if (/ {2}/.test(data) && !parentElement.closest("pre")) {
        spaced = data;
      }
    }
    return {title: document.title, foreign: foreign.length, bytes: navigation.decodedBodySize, spaced};
"""


@dataclass
class Looked:
    """What was seen of a page."""

    title: str
    foreign: int
    bytes: int
    spaced: str
    violations: dict
    width_on_phone: int = 0


@functools.cache
def looked_at():
    """Each page's picture's name → what was seen. A page is loaded once: letters that were looked at are hidden then."""
    browser = Shared.looker
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for old in SCREENSHOTS.glob("*.png"):
        old.unlink()
    found = {}
    for pages in addresses(Shared.story).values():
        for name, path in pages.items():
            browser.show()
            browser.open(path)
            browser.until_settled()
            if name.endswith(OPEN):
                browser.run(OPEN_ALL)
                browser.until(lambda: browser.run(IS_OPEN), "the parts that were opened")
                browser.until_settled()
            found[name] = page = Looked(**browser.run(MEASURE), violations={})
            for ending, look in LOOKS.items():
                browser.show(**look)
                page.violations[ending] = browser.violations(**JUDGED.get(ending, {}))
                browser.screenshot(SCREENSHOTS / f"{name}{ending}.png", width=look.get("width"))
            page.width_on_phone = browser.run("return document.documentElement.scrollWidth")
    browser.show()
    return found


class Pages(BrowserTest):
    beside = True

    def on_each(self):
        for name, page in looked_at().items():
            yield name, page, self.subTest(page=name)

    def test_every_route_of_the_console_is_tried_here(self):
        tried = addresses(self.story).keys() | NO_PAGES.keys()
        self.assertEqual(set(routes()) - tried, set(), "not tried: say in pages.py how to get there")
        self.assertEqual(tried - set(routes()), set(), "no route of the console any more")

    def test_axe_finds_nothing_on_any_page_in_light_in_dark_and_on_a_phone_and_each_has_its_picture(self):
        for name, page, test in self.on_each():
            with test:
                self.assertEqual(page.violations, {ending: [] for ending in LOOKS})
            for ending in LOOKS:
                self.assertTrue((SCREENSHOTS / f"{name}{ending}.png").stat().st_size)

    def test_no_page_scrolls_sideways_on_a_phone(self):
        for _, page, test in self.on_each():
            with test:
                self.assertLessEqual(page.width_on_phone, PHONE)

    def test_markup_that_others_wrote_is_text_on_every_page(self):
        for _, page, test in self.on_each():
            with test:
                self.assertNotIn("taken", page.title)
                self.assertEqual(page.foreign, 0)

    def test_no_sentence_has_lost_the_end_of_a_line(self):
        for _, page, test in self.on_each():
            with test:
                self.assertEqual(page.spaced, "")

    def test_no_page_weighs_more_than_it_may(self):
        for name, page, test in self.on_each():
            with test:
                self.assertTrue(0 < page.bytes < PAGE_BYTES, page.bytes)
            print(f"{name}: {page.bytes} bytes")
