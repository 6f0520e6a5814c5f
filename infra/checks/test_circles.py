"""Shows on a made-up workspace that each rule of `circles.py` can fail, and that a sound one passes.

python3 -m unittest discover --start-directory infra/checks
"""

import pathlib
import tempfile
import unittest
from unittest import mock

import circles


class CirclesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve()
        self.write("Cargo.toml", '[workspace]\nmembers = [\n    "one",\n    "two",\n]\n')
        self.write("one/Cargo.toml", '[package]\nname = "first"\n')
        self.write("two/Cargo.toml", '[package]\nname = "second"\n')
        self.source("lib.rs", "pub mod a;\npub mod b;\n")
        self.source("a.rs", "pub struct A;\n")
        self.source("b.rs", "use crate::a::A;\n")
        # What the workspace's own list has is nothing to this one.
        patch = mock.patch.object(circles, "KNOWN", {})
        patch.start()
        self.addCleanup(patch.stop)

    def write(self, place, text):
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def source(self, file, text):
        self.write(f"one/src/{file}", text)

    def found(self):
        return "\n".join(circles.breaches(self.root))

    def assert_sound(self):
        self.assertEqual(self.found(), "")

    def assert_circle(self, *words):
        found = self.found()
        self.assertIn("a circle in", found)
        for word in words:
            self.assertIn(word, found)

    def test_modules_in_one_direction_are_sound(self):
        self.assert_sound()

    def test_two_modules_that_name_each_other_are_a_circle_with_its_places(self):
        self.source("a.rs", "use std::fmt;\n\nuse crate::{\n    b::{self, B},\n};\n")
        self.assert_circle("one: a circle in lib.rs: a, b", "a → b: one/src/a.rs:3", "b → a: one/src/b.rs:1 (crate::a::A)")

    def test_three_modules_are_a_circle_together(self):
        self.source("lib.rs", "mod a;\nmod b;\nmod c;\n")
        self.source("a.rs", "use crate::c;\n")
        self.source("c.rs", "pub fn f() { crate::b::g() }\n")
        self.assert_circle("a, b, c", "c → b: one/src/c.rs:1 (crate::b::g)")

    def test_what_lies_below_a_module_is_a_part_of_it(self):
        self.source("a.rs", "mod deep;\n")
        self.source("a/deep.rs", "use crate::b;\n")
        self.assert_circle("a → b: one/src/a/deep.rs:1")

    def test_siblings_below_a_module_are_held_to_it_too(self):
        self.source("a.rs", "mod x;\nmod y;\npub struct A;\n")
        self.source("a/x.rs", "use super::y::Y;\n")
        self.source("a/y.rs", "use super::x::X;\n")
        self.assert_circle("one: a circle in a: x, y")

    def test_a_module_may_name_items_of_its_own_parent(self):
        self.source("a.rs", "mod x;\npub struct A;\npub fn f() { x::g() }\n")
        self.source("a/x.rs", "use super::A;\n")
        self.assert_sound()

    def test_a_module_within_a_file_is_one(self):
        self.source("a.rs", "pub struct A;\nmod x { use super::y::Y; }\nmod y {\n    use super::x::X;\n}\n")
        self.assert_circle("one: a circle in a: x, y", "y → x: one/src/a.rs:4")

    def test_a_module_that_names_an_item_of_the_root_is_a_circle(self):
        self.source("lib.rs", "pub mod a;\npub mod b;\npub struct Own;\n")
        self.source("a.rs", "use crate::Own;\n")
        self.assert_circle("one: a circle in lib.rs: lib.rs, a", "a → lib: one/src/a.rs:1 (crate::Own)")

    def test_a_programs_root_is_a_root_too(self):
        self.source("main.rs", "mod c;\nstruct Arguments;\n")
        self.source("c.rs", "use super::Arguments;\n")
        self.assert_circle("one: a circle in main.rs: main.rs, c")

    def test_a_re_export_is_followed_to_its_module(self):
        self.source("lib.rs", "pub mod a;\npub mod b;\npub use a::A;\npub use b::*;\n")
        self.source("b.rs", "use crate::A;\n")
        self.assert_sound()
        self.source("b.rs", "use crate::A;\npub struct B;\n")
        self.source("a.rs", "use crate::B;\n")
        self.assert_circle("one: a circle in lib.rs: a, b")

    def test_a_macro_is_where_it_is_exported(self):
        self.source("a.rs", '#[macro_export]\nmacro_rules! of_a { () => { "" } }\n')
        self.source("b.rs", "pub fn f() { crate::of_a!() }\n")
        self.source("lib.rs", "pub mod a;\npub mod b;\n")
        self.assert_sound()

    def test_tests_comments_and_visibility_name_nothing(self):
        self.source(
            "a.rs",
            "// use crate::b;\n//! [`crate::b`]\npub(in crate::b) struct A;\n"
            "#[cfg(test)]\nuse crate::b;\n#[cfg(test)]\nmod cases;\n"
            "#[cfg(test)]\nmod tests {\n    use crate::b;\n}\n",
        )
        self.source("a/cases.rs", "use crate::b;\n")
        self.assert_sound()

    def test_other_crates_are_no_module(self):
        self.source("a.rs", "use b_crate::b::B;\nuse ::b::B;\npub fn f() { std::a::b() }\n")
        self.assert_sound()

    def test_a_file_in_a_modules_folder_belongs_to_it(self):
        self.source("a.rs", 'const B: &str = include_str!("b/table.tsv");\n')
        self.source("b/table.tsv", "")
        self.assert_circle("a → b: one/src/a.rs:1 (includes table.tsv)")

    def test_a_modules_own_file_is_none(self):
        self.source("a.rs", 'const OWN: &[u8] = include_bytes!("a/table.tsv");\n')
        self.assert_sound()

    def test_a_file_of_another_crate_is_read_by_who_names_that_crate(self):
        self.source("a.rs", '// include_str!("../../two/x")\nconst X: &str = include_str!("../../two/data.tsv");\n')
        self.assertEqual(self.found(), "one/src/a.rs:2: reads two/data.tsv, which belongs to second; its manifest doesn't name that")
        self.write("one/Cargo.toml", '[package]\nname = "first"\n[dependencies]\nsecond.workspace = true\n')
        self.assert_sound()

    def test_composed_names_are_read_as_far_as_they_are_said(self):
        self.source("a.rs", 'const X: &str = include_str!(concat!("../../two/", "x", ".json"));\n')
        self.assertIn("one/src/a.rs:1: reads two", self.found())

    def test_a_file_that_is_no_crates_is_free(self):
        self.source("a.rs", 'const X: &str = include_str!("../../template.yaml");\n')
        self.assert_sound()

    def test_a_known_circle_is_left_until_it_is_gone(self):
        self.source("a.rs", "use crate::b;\n")
        with mock.patch.object(circles, "KNOWN", {("one", "", "a b"): "rewritten at this moment"}):
            self.assert_sound()
            self.source("a.rs", "")
            self.assertEqual(self.found(), "one: the root has no circle of a b: take it out of circles.py")

    def test_a_known_circle_of_a_package_that_is_gone_is_taken_out(self):
        with mock.patch.object(circles, "KNOWN", {("three", "", "a b"): "moved"}):
            self.assertEqual(self.found(), "three: no package of the workspace: take its circles out of circles.py")


if __name__ == "__main__":
    unittest.main()
