"""Chromium without a window, as a person uses it, and what a test asks of it beside: requests, complaints, axe."""

import base64
import functools
import importlib.util
import json
import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, WebDriverException
from selenium.webdriver import ActionChains, Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from stack import wait_until

# Debian's name first; others of the same browser may be there on machines that aren't Debian.
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRIVER = "chromedriver"

WIDTH, HEIGHT = 1280, 860

# Loaded, and nothing that htmx asked for is under way.
IS_CALM = "return document.readyState === 'complete' && !document.querySelector('.htmx-request')"

# What axe finds, by these options.
JUDGE = "const [options, done] = arguments; axe.run(document, options).then(found => done(found.violations))"

# What the driver says, at times, of a part of a page that was replaced while it was read.
REPLACED = "does not belong to the document"

# Addresses that no machine is asked for.
LOCAL_SCHEMES = ("about", "data", "blob", "chrome")


def browser():
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@functools.cache
def axe():
    """The script of axe-core."""
    package = importlib.util.find_spec("axe_playwright_python")
    return (Path(package.origin).parent / "axe.min.js").read_text(encoding="utf-8")


class Chromium:
    """A browser that opened the address of a console."""

    def __init__(self, address, scratch, has_scripts=True, hosts=""):
        options = ChromeOptions()
        options.binary_location = browser()
        options.page_load_strategy = "normal"
        arguments = ["--headless=new", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]
        arguments += [f"--window-size={WIDTH},{HEIGHT}", "--disable-background-networking", "--disable-component-update"]
        if os.geteuid() == 0:
            # Its sandbox takes no root.
            arguments.append("--no-sandbox")
        if hosts:
            arguments.append(f"--host-resolver-rules={hosts}")
        for argument in arguments:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        if not has_scripts:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        # The driver is named: selenium fetches none.
        service = Service(executable_path=shutil.which(DRIVER), env=os.environ | {"TMPDIR": str(scratch)})
        self.driver = Chrome(options=options, service=service)
        self.driver.set_page_load_timeout(60)
        self.driver.set_script_timeout(60)
        self.address = address
        split = urlsplit(address)
        self.site = f"{split.scheme}://{split.netloc}"
        self.asked = []
        self.complaints = []
        self.driver.get(address)
        # What the blank page before asked for is none of the console's.
        self.read_logs()

    def close(self):
        self.driver.quit()

    # --- Going somewhere ---

    def open(self, path):
        self.driver.get(self.site + path)

    def path(self):
        return self.driver.current_url.removeprefix(self.site)

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def one(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def link(self, text):
        return self.driver.find_element(By.LINK_TEXT, text)

    def text(self, css="main"):
        try:
            return self.one(css).text
        except StaleElementReferenceException:
            # The page was replaced between the two calls: what stands there now counts.
            return self.one(css).text

    def until(self, look, what, within_s=30):
        """What `look` returns once that is something. What a page replaces meanwhile is looked for again."""

        def careful():
            try:
                return look()
            except (StaleElementReferenceException, NoSuchElementException):
                return None
            except WebDriverException as error:
                if REPLACED not in str(error):
                    raise
                return None

        try:
            return wait_until(careful, what, within_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\non {self.driver.current_url}:\n{self.text('body')}") from None

    def until_text(self, text, css="main"):
        self.until(lambda: text in self.text(css), f"{text!r} in {css}")

    def until_path(self, begins):
        self.until(lambda: self.path().startswith(begins), f"the address {begins}")

    def until_settled(self):
        """Until nothing that the page asks for by itself is under way."""
        self.until(lambda: self.run(IS_CALM), "a page that asks for nothing more")

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def press(self, *keys):
        """Presses keys wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    # --- How the page is shown ---

    def show(self, dark=False, width=None):
        """In which colours, and on a screen of which width: None is this browser's own."""
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        if width is None:
            self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        else:
            metrics = {"width": width or WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def screenshot(self, path, width=None, height=None, scale=1, is_small=False):
        """A picture of the whole page, or of its upper part. A small file takes longer."""
        height = height or self.run("return document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": width or WIDTH, "height": height, "scale": scale}
        asked = {"format": "png", "captureBeyondViewport": True, "clip": clip, "optimizeForSpeed": not is_small}
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", asked)
        path.write_bytes(base64.b64decode(shot["data"]))

    def bring_to_front(self, tab):
        """Shows this tab, which hides the one before it."""
        self.driver.execute_cdp_cmd("Target.activateTarget", {"targetId": tab})

    # --- What is judged ---

    def violations(self, only=(), without=()):
        """What axe finds, a line each: by all rules that it has on, by these alone, or by all but these."""
        if not self.run("return 'axe' in window"):
            self.run(axe())
        options = {"resultTypes": ["violations"], "rules": {rule: {"enabled": False} for rule in without}}
        if only:
            options["runOnly"] = {"type": "rule", "values": only}
        found = self.driver.execute_async_script(JUDGE, options)
        return [
            f"{one['id']}: {one['help']}: {node['html']}: {node['failureSummary']}" for one in found for node in one["nodes"]
        ]

    def read_logs(self):
        """Takes what the browser has logged since."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.asked.append(message["params"]["request"]["url"])
        # A page of a refusal has its status, which isn't a complaint of the page.
        entries = [entry["message"] for entry in self.driver.get_log("browser")]
        self.complaints += [entry for entry in entries if "Failed to load resource" not in entry]

    def asked_elsewhere(self):
        """Requests to another host, by any page since it was opened."""
        self.read_logs()
        urls = [url for url in self.asked if urlsplit(url).scheme not in LOCAL_SCHEMES]
        return [url for url in urls if not url.startswith(f"{self.site}/")]

    def named(self):
        capabilities = self.driver.capabilities
        return f"{capabilities['browserName']} {capabilities['browserVersion']}"
