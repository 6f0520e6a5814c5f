"""Shows that the generator writes what a domain needs, and refuses what it can't use.

    python3 -m unittest discover --start-directory infra/generate
"""

import contextlib
import importlib.util
import io
import tempfile
import unittest
from pathlib import Path

import domains
import files
import follow_page
import lists
import regions
from differences import DIFFERENCES, Differences
from text import Refused, expand

# `__main__` of a test run is unittest itself.
SPEC = importlib.util.spec_from_file_location("generate", Path(__file__).with_name("__main__.py"))
generate = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(generate)

# A domain that nobody has, over objects that Stripe hasn't.
GALAXY = """
impl Domain for Galaxy {
    const NAME: &'static str = "galaxy";
    // The "old" prefix is gone.
    const PREFIXES: &'static [&'static str] = &["galaxy."];
}
"""

ROWS = "galaxy.moved\tsnapshot\tgalaxy\nv1.galaxy.moved\tthin\tgalaxy\n"


class Copy(unittest.TestCase):
    """A copy of what is generated and what it is generated from, to be changed."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = Path(self.folder.name)
        sources = [f"functions/{name}/src/lib.rs" for name in domains.names()]
        for name in [domains.LIST, domains.TABLE, *sources, *regions.texts()]:
            self.put(name, (domains.ROOT / name).read_text(encoding="utf-8"))

    def put(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def read(self, name):
        return (self.root / name).read_text(encoding="utf-8")

    def edit(self, name, old, new):
        text = self.read(name)
        self.assertIn(old, text)
        self.put(name, text.replace(old, new, 1))

    def list_more(self, *lines):
        text = self.read(domains.LIST)
        head, rest = text.split("domains![\n", 1)
        inside, after = rest.split("\n];", 1)
        self.put(domains.LIST, f"{head}domains![\n{inside}\n" + "".join(f"    {line},\n" for line in lines) + f"];{after}")

    def add_galaxy(self, name="galaxy"):
        self.list_more(f"{name}::Galaxy")
        self.put(f"functions/{name}/src/lib.rs", GALAXY.replace('"galaxy"', f'"{name}"'))
        self.put(domains.TABLE, (domains.ROOT / domains.TABLE).read_text(encoding="utf-8") + ROWS)

    def run_it(self, *arguments):
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as errors:
            status = generate.main(list(arguments), self.root)
        return status, out.getvalue() + errors.getvalue()

    def assert_refused(self, *words):
        before = {name: self.read(name) for name in regions.texts()}
        status, said = self.run_it()
        self.assertEqual(status, 1, said)
        for word in words:
            self.assertIn(word, said)
        self.assertEqual(before, {name: self.read(name) for name in before}, "nothing is written")


class Generator(Copy):
    def test_what_is_checked_in_is_what_it_writes(self):
        self.assertEqual(self.run_it("--check"), (0, ""))

    def test_a_domain_more_gives_its_block_and_stands_in_every_list(self):
        self.add_galaxy()
        before = self.read("template.yaml")
        self.assertEqual(self.run_it()[0], 0)
        template = self.read("template.yaml")
        after = iter([line.rstrip(",") for line in template.splitlines()])
        counted = set(files.regions("template.yaml", before)["fetches"])
        kept = [line.rstrip(",") for line in before.splitlines() if line not in counted]
        self.assertEqual([line for line in kept if line not in after], [], "the other domains keep their lines, in their order")

        def block(name):
            region = "\n".join(files.regions("template.yaml", template)["domains"])
            after = region.split(f"- {name}\n", 1)[1]
            return after.split("\n  # ----", 1)[0].strip()

        pattern = "          - prefix: galaxy.\n          - prefix: v1.galaxy.\n"
        billing = block("billing")
        begin = billing.index("          - prefix: invoice.\n")
        end = billing.index("      Targets:\n")
        likened = (billing[:begin] + pattern + billing[end:]).replace("BillingMode", "@Mode")
        likened = likened.replace("Billing", "Galaxy").replace("billing", "galaxy").replace("@Mode", "BillingMode")
        self.assertEqual(block("galaxy"), likened)

        for line in (
            "        - !Ref GalaxyQueue",
            "        - !Ref GalaxyDeadLetters",
            "  GalaxyQueueUrl:",
            "  GalaxyDeadLettersUrl:",
            "  GalaxyFunctionName:",
            "    Value: !Ref GalaxyTable",
            '            ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "${GalaxyQueue.QueueName}", {"label": "galaxy"}]',
        ):
            self.assertIn(f"\n{line}\n", template)
        alarms = [line for line in block("galaxy").splitlines() if "AlarmName" in line]
        shown = [line for line in template.splitlines() if ":alarm:${AWS::StackName}-galaxy." in line]
        self.assertEqual((len(alarms), len(shown)), (9, 9))
        given = regions.values(domains.domains(self.root))
        self.assertEqual(given["count"], len(domains.names()) + 1)
        self.assertIn(f"all {given['count_in_words']} domains", template)
        self.assertIn(f"const DOMAINS: u32 = {given['count']};", self.read("functions/shared/adapters/src/objects.rs"))
        for name in ("Cargo.toml", "functions/shared/domains/Cargo.toml", "infra/docs/first-hour.md"):
            self.assertIn("galaxy", self.read(name))
        self.assertNotIn("GalaxySettings", template)
        self.assertIn("${StackName}-galaxy", self.read("infra/observability/datadog.yaml"))
        self.assertEqual(self.run_it("--check"), (0, ""))

    def test_what_a_domain_needs_differently_is_in_its_block(self):
        self.add_galaxy()
        special = Differences(about="rates", by_owner=True, settings='{"a":1}', takes=("galaxy.moved",))
        found = domains.domains(self.root, {**DIFFERENCES, "galaxy": special})[-1]
        block = expand(regions.file("domain.yaml"), regions.values([found]))
        for text in ("about rates.", "IndexName: by_owner", """DOMAIN_SETTINGS: !Sub '{"a":1}'""", "- v1.galaxy.moved\n"):
            self.assertIn(text, block)
        self.assertNotIn("- prefix:", block)

    def test_an_edited_region_fails_the_check_and_is_written_right_again(self):
        before = self.read("template.yaml")
        self.edit("template.yaml", "        - !Ref BillingQueue\n", "")
        status, said = self.run_it("--check")
        self.assertEqual((status, said), (1, "template.yaml: the region queues isn't what `make generate` writes\n"))
        self.assertNotEqual(self.read("template.yaml"), before, "a check writes nothing")
        self.assertEqual(self.run_it()[0], 0)
        self.assertEqual(self.read("template.yaml"), before)

    def test_a_mark_of_a_region_that_is_not_known_is_refused(self):
        self.edit("template.yaml", "generated: queues (", "generated: ducks (")
        self.assert_refused("template.yaml: ducks is no region that is generated")

    def test_marks_that_are_missing_doubled_nested_open_or_misspelt_are_refused(self):
        begin, end = "        # --- generated: queues (make generate) ---\n", "        # --- end of generated ---\n"
        for old, new, said in (
            (begin, "", "an end, and no region has begun"),
            (end, "", "has no end before"),
            (begin, begin + begin, "queues has no end before queues begins"),
            (begin, begin + end + begin, "queues is there twice"),
            (begin, begin.replace("make generate", "by hand"), "a mark that can't be read"),
            (end, end.replace("end of", "END"), "a mark that can't be read"),
        ):
            with self.subTest(said):
                before = self.read("template.yaml")
                self.edit("template.yaml", old, new)
                self.assert_refused(said)
                self.put("template.yaml", before)
        self.put("template.yaml", self.read("template.yaml").replace(begin, "", 1).replace(end, "", 1))
        self.assert_refused("the region queues has no marks")

    def test_a_name_that_cannot_be_a_logical_id_is_refused(self):
        for name in ("sales_tax", "Tax", "tax1_", "a" * 24):
            with self.subTest(name):
                self.add_galaxy(name)
                self.assert_refused(f"{name} can't begin a logical id")
                self.edit(domains.LIST, f"    {name}::Galaxy,\n", "")
        self.add_galaxy("rule")
        self.assert_refused("rule is the name of something else in the stack")

    def test_a_domain_that_is_listed_twice_or_has_no_crate_is_refused(self):
        before = self.read(domains.LIST)
        self.list_more("billing::Billing")
        self.assert_refused("billing is there twice")
        self.put(domains.LIST, before)
        self.list_more("galaxy::Galaxy")
        self.assert_refused("there is no functions/galaxy/src/lib.rs")

    def test_a_list_that_it_cannot_read_is_refused_and_never_guessed(self):
        self.add_galaxy()
        for old, new, said in (
            ('&["galaxy."]', "&[PREFIX]", "PREFIXES isn't a list of texts"),
            ('["galaxy."]', "[]", "name no type"),
            ('= "galaxy"', '= "galaxies"', "NAME isn't 'galaxy'"),
            ("for Galaxy", "for Nebula", "no `impl Domain for Galaxy`"),
        ):
            with self.subTest(said):
                self.edit("functions/galaxy/src/lib.rs", old, new)
                self.assert_refused(said)
                self.put("functions/galaxy/src/lib.rs", GALAXY)
        self.edit(domains.LIST, "    galaxy::Galaxy,\n", "    galaxy,\n")
        self.assert_refused("galaxy isn't `crate::Type`")

    def test_a_table_that_disagrees_with_the_domains_is_refused(self):
        self.add_galaxy()
        right = self.read(domains.TABLE)
        strange = "nebula.moved\tsnapshot\tgalaxy\n"
        for wrong, said in (
            (right.replace("snapshot\tgalaxy", "snapshot\tledger\tno state"), "galaxy.moved goes to ledger; by PREFIXES"),
            (right + strange, "nebula.moved goes to galaxy; by PREFIXES and TYPES it would go to no domain"),
            (right + strange.replace("\tgalaxy", "\tnebulae"), "nebula.moved goes to nebulae, which is no domain"),
            (right.replace(ROWS, ""), "no type goes to galaxy"),
            (right.replace("thin\tgalaxy", "thin\tledger\tno domain yet"), "v1.galaxy.moved stays in the ledger, and its snapshot"),
        ):
            with self.subTest(said):
                self.put(domains.TABLE, wrong)
                self.assert_refused(said)

    def test_a_thin_event_whose_object_cannot_be_fetched_may_stay_in_the_ledger(self):
        self.add_galaxy()
        reason = f"{domains.UNFETCHABLE}: a galaxy"
        self.edit(domains.TABLE, "v1.galaxy.moved\tthin\tgalaxy", f"v1.galaxy.moved\tthin\tledger\t{reason}")
        self.assertEqual(self.run_it()[0], 0)

    def test_a_difference_of_a_domain_that_is_not_there_is_refused(self):
        with self.assertRaisesRegex(Refused, "nosuch is no domain"):
            domains.domains(self.root, {"nosuch": Differences()})


class Lists(Copy):
    def test_a_list_of_all_domains_that_is_neither_generated_nor_known_is_found(self):
        self.assertEqual(list(lists.unknown(self.root)), [])
        all_of_them = "".join(f'    "{name}",\n' for name in domains.names())
        self.put("infra/new/src/names.rs", f"const NAMES: &[&str] = &[\n{all_of_them}];\n")
        self.put("infra/new/import.rs", all_of_them)
        self.put("infra/new/generated.rs", f"// --- generated: names (make generate) ---\n{all_of_them}// --- end of generated ---\n")
        self.put("infra/new/far.rs", all_of_them.replace(",\n", ",\n" * lists.LINES))
        self.put("target/names.rs", all_of_them)
        found = list(lists.unknown(self.root))
        self.assertEqual(len(found), 1, found)
        line = len(domains.names()) + 1
        self.assertTrue(found[0].startswith(f"infra/new/src/names.rs:{line}: a list of all domains"), found)


class Page(unittest.TestCase):
    def test_the_copy_is_lent_what_others_wrote_and_nothing_of_the_workspace(self):
        with tempfile.TemporaryDirectory() as folder:
            target, own = Path(folder) / "target", Path(folder) / "own"
            for part in (".fingerprint/serde-1a", ".fingerprint/sluice-kernel-1a", "build/ring-1a", "deps"):
                (target / "debug" / part).mkdir(parents=True)
            names = ("libserde-1a.rlib", "serde-1a.d", "libsluice_kernel-1a.rlib", "sluice_kernel-1a.d", "payments-1a.d", "it-1a")
            for name in names:
                (target / "debug/deps" / name).write_text(name)
            for _ in range(2):
                follow_page.lend_third_parties({"sluice_kernel", "payments"}, target, own)
            lent = {str(one.relative_to(own / "debug")) for one in (own / "debug").glob("*/*")}
            wanted = {".fingerprint/serde-1a", "build/ring-1a", "deps/libserde-1a.rlib", "deps/serde-1a.d"}
            self.assertEqual(lent, wanted)

    page = (domains.ROOT / follow_page.PAGE).read_text(encoding="utf-8")

    def test_the_page_writes_a_crate_and_has_commands_to_run(self):
        steps = follow_page.steps(self.page)
        self.assertIn(f"functions/{follow_page.NAME}/src/lib.rs", [name for name, _ in steps])
        commands = [command for name, what in steps if name is None for command in what]
        self.assertLess(follow_page.NOT_RUN, set(commands))
        self.assertIn("make generate", commands)

    def test_a_block_that_nobody_would_follow_is_refused(self):
        for block in ("```\nmake generate\n```\n", "```rust\nfn main() {}\n```\n"):
            with self.subTest(block), self.assertRaisesRegex(follow_page.Broken, "neither commands"):
                follow_page.steps(f"{self.page}\n{block}")

    def test_a_copy_keeps_files_that_are_the_same_and_loses_those_that_are_gone(self):
        with tempfile.TemporaryDirectory() as folder:
            draft, copy = Path(folder) / "draft", Path(folder) / "copy"
            new, old = {"same": "1", "changed": "2", "new/er": "3"}, {"same": "1", "changed": "1", "gone": "1"}
            for place, files_of in ((draft, new), (copy, old)):
                for name, text in files_of.items():
                    (place / name).parent.mkdir(parents=True, exist_ok=True)
                    (place / name).write_text(text, encoding="utf-8")
            before = (copy / "same").stat().st_ino, (copy / "same").stat().st_mtime_ns
            follow_page.take_over(draft, copy)
            self.assertEqual(before, ((copy / "same").stat().st_ino, (copy / "same").stat().st_mtime_ns))
            there = {one.relative_to(copy).as_posix(): one.read_text(encoding="utf-8") for one in copy.rglob("*") if one.is_file()}
            self.assertEqual(there, new)


class Text(unittest.TestCase):
    def test_loops_choices_and_values_are_worked_out(self):
        text = "#for domain\n#if big\n<name> is big,\n#else\n<name> isn't,\n#end\n#end\n]\n"
        values = {"domain": [{"name": "a", "big": True}, {"name": "b", "big": ""}]}
        self.assertEqual(expand(text, values), "a is big,\nb isn't\n]\n")

    def test_a_text_with_an_unknown_value_or_a_lost_directive_is_refused(self):
        for text, said in (
            ("<nosuch>\n", "nothing is called <nosuch>"),
            ("#end\n", "line 1: #end without a beginning"),
            ("#for domain\n", "line 1: #for domain has no #end"),
            ("#if domain\n#else\n#else\n#end\n", "#if domain has no #end"),
        ):
            with self.subTest(text), self.assertRaisesRegex(Refused, said):
                expand(text, {"domain": [{}]})


if __name__ == "__main__":
    unittest.main()
