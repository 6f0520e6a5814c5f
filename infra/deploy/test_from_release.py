"""Shows what `make deploy RELEASE=` deploys, and each release that it refuses.

    .venv/lint/bin/python -m unittest discover --start-directory infra/deploy
"""

import contextlib
import copy
import functools
import http.server
import io
import json
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

import archives
import deploy
import from_release
import release
from archives import Refused
from revision import revision
from test_deploy import Session, missing

VERSION = "1.2.3"
# What an ELF file for each processor begins with.
HEADS = {arch: b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little") for machine, arch in ((62, "x86_64"), (183, "arm64"))}


@functools.cache
def parsed(text):
    return PARSE(text)


# What the main template names, by its logical ids: the receivers' sample has a template of its own.
FUNCTIONS = {f"{name.capitalize()}Function" for name in release.functions(release.ROOT)} - {"NotifyFunction"}

# The template is long, and the same in each test.
PARSE = from_release.yaml_parse


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Releases(unittest.TestCase):
    """A release of made-up code, with the repository's own templates."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        # Stands for the checkout, which keeps its own .aws-sam.
        self.root = Path(folder.name).resolve()
        for name in ("samconfig.toml", "Cargo.toml"):
            (self.root / name).write_bytes((from_release.ROOT / name).read_bytes())
        self.released = self.root / "released"
        self.released.mkdir()
        patches = [mock.patch.object(module, "ROOT", self.root) for module in (from_release, deploy)]
        patches.append(mock.patch.object(from_release, "yaml_parse", lambda text: copy.deepcopy(parsed(text))))
        for patch in patches:
            patch.start()
            self.addCleanup(patch.stop)
        self.write()

    def write(self, version=VERSION, left_out=(), more=None, **said):
        for arch, head in HEADS.items():
            codes = {name: head + name.encode() for name in release.functions(release.ROOT)}
            manifest = release.manifest(**({"version": version, "arch": arch, "commit": "c0ffee", "compiler": "r"} | said))
            entries = release.functions_entries(release.ROOT, codes, manifest) | (more or {})
            for name in left_out:
                del entries[name]
            archives.write_zip(self.released / release.functions_archive(version, arch), entries)
        archives.write_sums(self.released)

    def lay(self, *given, stage="dev", chosen=None, **environment):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            from_release.main(chosen or str(self.released), stage, list(given), environment)
        return said.getvalue()

    def template(self):
        return self.root / ".aws-sam/build/template.yaml"

    def refused(self, words, *given, **options):
        with self.assertRaisesRegex(Refused, words):
            self.lay(*given, **options)
        self.assertFalse((self.root / ".aws-sam/build").exists(), "nothing is laid")

    def test_a_release_is_laid_as_sam_build_would_have_built_it(self):
        said = self.lay()
        self.assertIn("release 1.2.3 for arm64, of commit c0ffee: its checksum is right", said)
        built = self.root / ".aws-sam/build"
        template = json.loads((built / "template.yaml").read_text())
        functions = {name: one for name, one in template["Resources"].items() if one["Type"] == "AWS::Serverless::Function"}
        self.assertEqual(set(functions), FUNCTIONS)
        for name, one in functions.items():
            self.assertEqual(one["Properties"]["CodeUri"], name)
            self.assertNotIn("Metadata", one, "SAM would build it again")
            self.assertTrue(os.access(built / name / "bootstrap", os.X_OK))
        self.assertEqual((built / "PaymentsFunction/bootstrap").read_bytes(), HEADS["arm64"] + b"payments")
        self.assertRegex(revision(built / "template.yaml", {}), "^[0-9a-f]{40}$")

    def test_it_takes_the_place_of_what_was_built_before_as_a_whole(self):
        stale = self.root / ".aws-sam/build/StaleFunction"
        stale.mkdir(parents=True)
        self.lay()
        self.assertFalse(stale.exists())
        self.assertEqual([one.name for one in (self.root / ".aws-sam").iterdir()], ["build"])

    def test_the_receivers_stage_gets_its_own_template(self):
        self.lay(stage="notify")
        built = self.root / ".aws-sam/notify"
        self.assertEqual((built / "NotifyFunction/bootstrap").read_bytes(), HEADS["arm64"] + b"notify")

    def test_the_processor_is_the_stages(self):
        self.lay("Architecture=x86_64 LogRetentionDays=30")
        code = self.root / ".aws-sam/build/IngestFunction/bootstrap"
        self.assertEqual(code.read_bytes(), HEADS["x86_64"] + b"ingest")
        self.lay("Architecture=@default")
        self.assertEqual(code.read_bytes(), HEADS["arm64"] + b"ingest")

    def test_another_version_than_the_checkouts_is_said(self):
        self.assertIn("note: the stages and tools are those of this checkout", self.lay())

    def test_a_changed_byte_is_refused(self):
        path = self.released / release.functions_archive(VERSION, "arm64")
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        self.refused("isn't what was released")

    def test_a_file_that_is_missing_is_refused(self):
        (self.released / release.functions_archive(VERSION, "arm64")).unlink()
        self.refused("isn't there")
        (self.released / archives.SUMS).unlink()
        self.refused("can't be read")

    def test_checksums_of_no_or_two_versions_are_refused(self):
        self.write("1.2.4")
        self.refused("names 2 archives of functions for arm64")
        (self.released / archives.SUMS).write_text("")
        self.refused("names 0 archives")

    def test_a_release_without_a_function_that_its_template_names_is_refused(self):
        self.write(left_out=["functions/billing/bootstrap"])
        self.refused("has no billing, which its template.yaml names")

    def test_a_release_without_a_template_is_refused(self):
        self.write(left_out=["template.yaml"])
        self.refused("the release has no template.yaml")

    def write_template(self, content):
        self.write(more={"template.yaml": (content if isinstance(content, bytes) else json.dumps(content).encode(), False)})

    def test_a_resource_whose_name_leads_out_of_the_folder_is_refused(self):
        outside = self.root / "outside"
        function = {"Type": "AWS::Serverless::Function", "Metadata": {"BuildProperties": {"Binary": "ingest"}}, "Properties": {}}
        for name in ("../../outside", str(outside), "..", ".", "", "a/b", "template.yaml", "a" * 256):
            with self.subTest(name):
                self.write_template({"Parameters": {}, "Resources": {name: function}})
                self.refused("a name that CloudFormation wouldn't take")
                self.assertFalse(outside.exists())

    def test_a_template_of_another_form_is_refused(self):
        function = {"Type": "AWS::Serverless::Function", "Metadata": {"BuildProperties": {"Binary": "ingest"}}, "Properties": {}}
        of = lambda **parts: {"Parameters": {}, "Resources": {"A": function}} | parts  # noqa: E731
        cases = {
            "has no Resources": [{"Parameters": {}}, of(Resources=[])],
            "has no Parameters": [{"Resources": {}}],
            "Parameters has no Days": [of(Parameters={"Days": 35})],
            "Resources has no A": [of(Resources={"A": None})],
            "A has no Type": [of(Resources={"A": {}}), of(Resources={"A": {"Type": ["AWS::Serverless::Function"]}})],
            "A has no Metadata": [of(Resources={"A": {"Type": function["Type"], "Properties": {}}})],
            "A has no BuildProperties": [of(Resources={"A": function | {"Metadata": {}}})],
            "A has no Binary": [of(Resources={"A": function | {"Metadata": {"BuildProperties": {"Binary": {}}}}})],
            "A has no Properties": [of(Resources={"A": function | {"Properties": []}})],
            "has no Globals": [of(Globals=[])],
            "Globals has no Function": [of(Globals={"Function": "x"})],
            "is no template": [[], "text", None, b""],
            "a name that CloudFormation wouldn't take: '1'": [b"{Parameters: {}, Resources: {1: {}}}"],
            "can't be read": [b"{", b"\xff", b"a: [", b"a: 2026-99-99", b"? !Ref [a]\n: 1", b"[" * 5000, b"&a\x00"],
            # A part within itself, and a date as a key.
            "can't be written": [b"Parameters: {}\nResources: {}\nA: &a [*a]", b"Parameters: {}\nResources: {}\n2026-01-01: b"],
        }
        for words, templates in cases.items():
            for template in templates:
                with self.subTest(words, template=str(template)[:60]):
                    self.write_template(template)
                    self.refused(words)

    def test_a_refusal_is_a_sentence_and_exit_status_2(self):
        self.write_template(b"{")
        done = subprocess.run(
            [sys.executable, "-B", from_release.__file__, self.released, "dev"], capture_output=True, text=True, check=False
        )
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1), done.stderr)
        self.assertIn("deploy: the release's template.yaml can't be read", done.stderr)

    def test_a_name_that_leads_out_of_the_folder_is_refused(self):
        self.write(more={"functions/../../../evil": (b"x", True)})
        self.refused("a file that no release has")

    def test_an_archive_of_another_version_or_processor_under_this_name_is_refused(self):
        self.write(**{"arch": "mips"})
        self.refused("holds version 1.2.3 for mips")
        self.write(left_out=[release.MANIFEST])
        self.refused("has no release.json")
        for content in (b"\xff", b"[]", b"[" * 100_000, json.dumps({"version": VERSION, "arch": "arm64"}).encode()):
            self.write(more={release.MANIFEST: (content, False)})
            self.refused("has no release.json")

    def test_what_is_no_tag_and_no_folder_is_refused(self):
        for chosen in ("1.2.3", "latest", "v1.2", "v1.2.3/../v1.2.2", "nowhere/"):
            self.refused("no version's tag", chosen=chosen)

    def test_a_stage_or_a_parameter_that_is_none_is_refused(self):
        self.refused("there are dev, staging, prod, notify", stage="production")
        self.refused("write Name=value", "Architecture")

    def test_a_tag_needs_to_know_where(self):
        self.refused("Set RELEASE_URL", chosen="v1.2.3")

    def test_a_release_is_not_fetched_in_clear(self):
        self.refused("over HTTPS", chosen="v1.2.3", RELEASE_URL="http://mirror.example/sluice")
        self.refused("over HTTPS", chosen="v1.2.3", RELEASE_URL="file:///tmp")
        with self.assertRaisesRegex(Refused, "over HTTPS"):
            from_release.OnlySafe().redirect_request(None, None, 302, "", {}, "http://mirror.example/sluice")

    def serve(self):
        """The releases' address on a server here."""
        self.released.rename(self.root / f"v{VERSION}")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=self.root))
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/"

    def test_a_tag_is_fetched_from_its_address(self):
        url = self.serve()
        self.assertIn("release 1.2.3 for arm64", self.lay(chosen="v1.2.3", RELEASE_URL=url))
        self.assertTrue((self.root / ".aws-sam/build/template.yaml").exists())

    def attested(self, said):
        """The file that the note's command names."""
        words = shlex.split(said[said.index("gh attestation verify") :].splitlines()[0])
        return Path(words[3]), words[4:]

    def test_what_was_fetched_is_kept_so_that_who_built_it_can_be_verified(self):
        path, options = self.attested(self.lay(chosen="v1.2.3", RELEASE_URL=self.serve()))
        name = release.functions_archive(VERSION, "arm64")
        kept = self.root / ".aws-sam/release/v1.2.3"
        self.assertEqual(path.resolve(), kept / name)
        self.assertEqual(path.read_bytes(), (self.root / "v1.2.3" / name).read_bytes())
        self.assertEqual(options[2:4], ["--source-ref", "refs/tags/v1.2.3"])
        self.assertEqual(sorted(one.name for one in kept.iterdir()), sorted([archives.SUMS, name]))

    def test_what_is_fetched_again_takes_the_place_of_the_last_and_what_is_refused_does_not(self):
        url, kept = self.serve(), self.root / ".aws-sam/release"
        self.lay(chosen="v1.2.3", RELEASE_URL=url)
        self.lay("Architecture=x86_64", chosen="v1.2.3", RELEASE_URL=url)
        name = release.functions_archive(VERSION, "x86_64")
        self.assertEqual(sorted(one.name for one in (kept / "v1.2.3").iterdir()), sorted([archives.SUMS, name]))
        (self.root / "v1.2.3" / name).write_bytes(b"other")
        with self.assertRaisesRegex(Refused, "isn't what was released"):
            self.lay("Architecture=x86_64", chosen="v1.2.3", RELEASE_URL=url)
        archives.verify(kept / "v1.2.3" / name, archives.read_sums((kept / "v1.2.3" / archives.SUMS).read_text()))
        self.assertEqual([one.name for one in kept.iterdir()], ["v1.2.3"], "nothing is left of what was refused")

    def test_a_folders_archive_is_verified_where_it_is_and_the_repository_is_named_if_it_is_known(self):
        path, options = self.attested(self.lay())
        self.assertEqual(path.resolve(), self.released / release.functions_archive(VERSION, "arm64"))
        self.assertEqual(options[:2], ["--repo", "<owner>/<repository>"])
        cargo = (self.root / "Cargo.toml").read_text()
        for address in ("https://github.com/acme/sluice", "https://github.com/acme/sluice.git"):
            known = cargo.replace("[workspace.package]\n", f'[workspace.package]\nrepository = "{address}"\n')
            (self.root / "Cargo.toml").write_text(known)
            _, options = self.attested(self.lay())
            self.assertEqual(options[:2], ["--repo", "acme/sluice"])
            self.assertEqual(options[-1], "acme/sluice/.github/workflows/release.yml")

    def test_a_release_that_is_not_there_or_too_long_is_refused(self):
        url = self.serve()
        self.refused("can't be fetched: HTTP Error 404", chosen="v9.9.9", RELEASE_URL=url)
        with mock.patch.object(from_release, "ARCHIVE_MAX_BYTES", 100):
            self.refused("is larger than 100 bytes", chosen="v1.2.3", RELEASE_URL=url)

    def test_what_is_laid_is_what_sam_is_given_with_a_revision_of_it(self):
        calls, said = [], io.StringIO()

        def sam(command, **_):
            calls.append([str(word) for word in command])
            return subprocess.CompletedProcess(command, 0)

        self.lay("Architecture=x86_64")
        with (
            mock.patch.object(deploy, "session_of_environment", lambda: (Session([missing()]), None)),
            mock.patch.object(deploy.subprocess, "run", sam),
            contextlib.redirect_stdout(said),
        ):
            status = deploy.main(["--go", "--yes", "dev", "Architecture=x86_64"])
        self.assertEqual((status, len(calls)), (0, 1), said.getvalue())
        sent = deploy.parameters.overrides(calls[0][calls[0].index("--parameter-overrides") + 1 :])
        self.assertEqual(sent["Architecture"], "x86_64")
        values = {name: str(one.get("Default", "")) for name, one in json.loads(self.template().read_text())["Parameters"].items()}
        self.assertEqual(sent["Revision"], revision(self.template(), values | {"Architecture": "x86_64"}))

    def test_code_for_another_processor_than_the_stack_has_is_refused_before_it_is_deployed(self):
        self.lay()
        read = json.loads(self.template().read_text())
        self.assertEqual(list(deploy.processor.wrong(self.template(), read, {"Architecture": "arm64"})), [])
        wrong = list(deploy.processor.wrong(self.template(), read, {"Architecture": "x86_64"}))
        self.assertEqual(len(wrong), len(FUNCTIONS))
        self.assertIn("its code is for arm64, and Architecture=x86_64", wrong[0])


if __name__ == "__main__":
    unittest.main()
