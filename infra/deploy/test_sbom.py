"""Holds the bill of materials to the lock file.

    .venv/lint/bin/python -m unittest discover --start-directory infra/deploy
"""

import unittest

import sbom


class Bill(unittest.TestCase):
    def setUp(self):
        self.bill = sbom.bill()
        self.components = {one["bom-ref"]: one for one in self.bill["components"]}

    def test_has_what_functions_link_with_checksum_and_licence(self):
        names = {one["name"] for one in self.components.values()}
        self.assertLessEqual({"ingest", "payments", "aws-sdk-dynamodb", "rustls", "ring", "sluice-kernel"}, names)
        for one in self.components.values():
            self.assertTrue(one["licenses"], one["name"])
            if "purl" in one:
                self.assertEqual(len(one["hashes"][0]["content"]), 64, one["name"])

    def test_has_each_file_of_others_in_the_consoles_pages_with_its_licence_and_checksum(self):
        rows = sbom.vendored()
        self.assertIn("htmx.min.js", {row["file"] for row in rows})
        for row in rows:
            named = [one for one in self.components.values() if one["name"] == row["name"]]
            found = [one for one in named if one["hashes"][0]["content"] == row["sha256"]]
            self.assertEqual([one["licenses"] for one in found], [[{"expression": row["licence"]}]], row["file"])
            self.assertTrue(found[0]["purl"].startswith(f"pkg:npm/{row['name']}@{row['version']}#"), found)
        self.assertEqual(len(self.components), len(self.bill["components"]))

    def test_has_nothing_of_tests_tools_and_macros(self):
        names = {one["name"] for one in self.components.values()}
        self.assertTrue(names.isdisjoint({"clap", "proptest", "dynoxide-rs", "ureq", "serde_derive", "sluice-local"}))

    def test_every_dependency_is_a_component(self):
        for one in self.bill["dependencies"]:
            self.assertIn(one["ref"], self.components)
            for to in one["dependsOn"]:
                self.assertIn(to, self.components)

    def test_what_is_not_ours_came_from_the_registry(self):
        without = {one["name"] for one in self.components.values() if "purl" not in one}
        self.assertTrue(all(name.startswith("sluice-") or self.is_function(name) for name in without), without)

    def is_function(self, name):
        return any(one["name"] == name and one["type"] == "application" for one in self.components.values())


if __name__ == "__main__":
    unittest.main()
