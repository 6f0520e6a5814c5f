"""Tries the console in Chromium, on a local stack with traffic.

    .venv/browser/bin/python -B infra/console/browser [NAME ...]       # every test, or those whose names have one of these
    .venv/browser/bin/python -B infra/console/browser --screenshots    # a picture of each page, and the one of the README

Pictures go to target/screenshots. Stacks and browsers are of this run alone, and end with it.
"""

import io
import shutil
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shared import SCREENSHOTS, Shared, all_of_it
from stack import ROOT

PICTURE = SCREENSHOTS / "readme.png"
README_PICTURE = ROOT / "infra/docs/console.png"
README_PICTURE_BYTES = 150_000
README_PICTURE_SCALE = 0.9


def tests(names):
    loader = unittest.TestLoader()
    if names:
        loader.testNamePatterns = [f"*{name}*" for name in names]
    return loader.discover(str(Path(__file__).parent))


def lanes(suite):
    """The tests that run beside the others, and the others."""
    found = unittest.TestSuite(), unittest.TestSuite()
    waiting = [suite]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, unittest.TestSuite):
            waiting = [*one, *waiting]
        else:
            found[0 if getattr(one, "beside", False) else 1].addTest(one)
    return found


def run(suite):
    """Runs the tests in two lanes, each with a browser of its own. Whether all have passed."""
    beside, others = lanes(suite)
    said = io.StringIO()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(unittest.TextTestRunner(said, verbosity=2).run, beside)
        second = unittest.TextTestRunner(verbosity=2).run(others)
        results = [first.result(), second]
    print(said.getvalue(), flush=True)
    return all(one.wasSuccessful() for one in results)


def take_picture():
    """The overview as the README shows it: down to the first curves."""
    browser = Shared.browser
    browser.open("/")
    browser.until_settled()
    height = browser.run("return document.querySelectorAll('.plot')[2].getBoundingClientRect().top")
    browser.screenshot(PICTURE, height=int(height), scale=README_PICTURE_SCALE, is_small=True)
    size = PICTURE.stat().st_size
    if size >= README_PICTURE_BYTES:
        sys.exit(f"browser: {PICTURE} has {size} bytes, and the README's picture may have {README_PICTURE_BYTES}")
    shutil.copyfile(PICTURE, README_PICTURE)


def main(arguments):
    is_pictures = arguments == ["--screenshots"]
    suite = tests(["has_its_picture"] if is_pictures else arguments)
    if not suite.countTestCases():
        sys.exit(f"browser: no test's name has {' or '.join(arguments)}")
    began = time.monotonic()
    with all_of_it():
        print(f"browser: {Shared.browser.named()}, the stack and its events in {time.monotonic() - began:.0f} s", flush=True)
        is_well = run(suite)
        if is_pictures and is_well:
            take_picture()
    print(f"browser: {time.monotonic() - began:.0f} s", flush=True)
    if is_pictures or not arguments:
        print(f"browser: a picture of each page is in {SCREENSHOTS}", flush=True)
    if not is_well:
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
