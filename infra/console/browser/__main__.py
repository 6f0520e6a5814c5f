"""Tries the console in Chromium, on a local stack with traffic.

    .venv/browser/bin/python -B infra/console/browser [NAME ...]       # every test, or those whose names have one of these
    .venv/browser/bin/python -B infra/console/browser --screenshots    # a picture of each page, and the one of the README

Pictures go to target/screenshots. Stacks and browsers are of this run alone, and end with it.
"""

import shutil
import sys
import time
import unittest
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


def take_picture():
    """The overview as the README shows it: down to the first curves."""
    browser = Shared.browser
    browser.open("/")
    browser.until_settled()
    height = browser.run("return document.querySelectorAll('.plot')[2].getBoundingClientRect().top")
    browser.screenshot(PICTURE, height=int(height), scale=README_PICTURE_SCALE)
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
        done = unittest.TextTestRunner(verbosity=2).run(suite)
        if is_pictures and done.wasSuccessful():
            take_picture()
    print(f"browser: {time.monotonic() - began:.0f} s", flush=True)
    if is_pictures or not arguments:
        print(f"browser: a picture of each page is in {SCREENSHOTS}", flush=True)
    if not done.wasSuccessful():
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
