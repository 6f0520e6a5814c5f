"""Shows what the steps of the workflows run, with programs of ours in place of GitHub's; and what `make release` makes of a tag.

    .venv/lint/bin/python -m unittest discover --start-directory infra/checks
"""

import fnmatch
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMMIT = "c0ffee" + "0" * 34

# A program that writes down what it is called with, an argument a line, and a line of its own after each call.
RECORDER = """#!/bin/sh
printf '%s\\n' "${0##*/}" "$@" '' >>"$CALLS"
"""
GIT = f"""#!/bin/sh
test "$*" = 'rev-parse HEAD' && echo {COMMIT}
"""


def workflow(name):
    read = yaml.safe_load((ROOT / ".github/workflows" / name).read_text(encoding="utf-8"))
    # YAML 1.1 takes `on` for a truth value.
    return read | {"on": read[True]}


def step(name, job, called):
    [found] = [one for one in workflow(name)["jobs"][job]["steps"] if one.get("name") == called]
    return found


class Workflows(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.programs = self.folder / "programs"
        self.programs.mkdir()
        self.program("gh", RECORDER)
        self.program("git", GIT)
        (self.folder / "release").mkdir()
        for name in ("SHA256SUMS", "sluice-functions-1.2.3-arm64.zip"):
            (self.folder / "release" / name).touch()

    def program(self, name, content):
        path = self.programs / name
        path.write_text(content, encoding="utf-8")
        path.chmod(0o755)

    def env(self, more):
        return {"PATH": f"{self.programs}:{os.environ['PATH']}", "CALLS": str(self.folder / "calls")} | more

    def ran(self, step, **environment):
        """The exit status of a step's script as GitHub runs it, and the calls that it made."""
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]], cwd=self.folder, env=self.env(environment), capture_output=True, check=False
        )
        return done.returncode, self.calls()

    def calls(self):
        path = self.folder / "calls"
        found = [call.splitlines() for call in path.read_text().split("\n\n")] if path.exists() else []
        path.unlink(missing_ok=True)
        return [call for call in found if call]

    def test_each_file_of_a_release_is_verified_against_the_commit_whose_tools_deploy_it(self):
        verifying = step("deploy-stage.yml", "deploy", "Fetch the release, and verify who built it")
        status, calls = self.ran(verifying, RELEASE="v1.2.3", GITHUB_REPOSITORY="acme/sluice")
        self.assertEqual((status, len(calls)), (0, 3), calls)
        for call in calls[1:]:
            self.assertEqual(call[1:3], ["attestation", "verify"])
            self.assertEqual(call[call.index("--source-digest") + 1], COMMIT)
            self.assertEqual(call[call.index("--source-ref") + 1], "refs/tags/v1.2.3")

    def test_nothing_is_verified_against_a_commit_that_is_not_known(self):
        self.program("git", "#!/bin/sh\nexit 1\n")
        verifying = step("deploy-stage.yml", "deploy", "Fetch the release, and verify who built it")
        status, calls = self.ran(verifying, RELEASE="v1.2.3", GITHUB_REPOSITORY="acme/sluice")
        self.assertEqual((status != 0, len(calls)), (True, 1), calls)

    def test_a_tag_with_a_hyphen_is_published_as_a_pre_release_and_no_other(self):
        publishing = step("release.yml", "publish", "Publish")
        for tag, is_early in (("v1.2.3", False), ("v1.2.3-rc.1", True)):
            status, [call] = self.ran(publishing, GITHUB_REF_NAME=tag, GITHUB_REPOSITORY="acme/sluice")
            self.assertEqual((status, call[:4]), (0, ["gh", "release", "create", tag]))
            self.assertEqual("--prerelease" in call, is_early, call)
            self.assertNotIn("", call)
            self.assertEqual(call[-2:], ["release/SHA256SUMS", "release/sluice-functions-1.2.3-arm64.zip"])

    def test_a_stage_is_deployed_to_once_at_a_time_and_one_that_waits_holds_up_no_other_stage(self):
        self.assertNotIn("concurrency", workflow("deploy.yml"))
        held = workflow("deploy-stage.yml")["jobs"]["deploy"]["concurrency"]
        self.assertEqual(held, {"group": "deploy-${{ inputs.stage }}", "cancel-in-progress": False})

    def test_only_a_versions_tag_releases(self):
        [pattern] = workflow("release.yml")["on"]["push"]["tags"]
        # As GitHub reads it: `+` repeats what is before it, and nothing else is special in it but sets and `*`.
        matched = lambda tag: any(fnmatch.fnmatchcase(tag, one) for one in repeated(pattern))  # noqa: E731
        for tag in ("v1.2.3", "v10.20.30", "v1.2.3-rc.1"):
            self.assertTrue(matched(tag), tag)
        for tag in ("v1", "v1.2", "vendor", "v$(id)", "version-1.2.3", "1.2.3"):
            self.assertFalse(matched(tag), tag)

    def test_no_script_has_an_expression_in_it(self):
        for path in (ROOT / ".github/workflows").glob("*.yml"):
            for name, job in workflow(path.name)["jobs"].items():
                for one in job.get("steps", []):
                    self.assertNotIn("${{", one.get("run", ""), f"{path.name}: {name}")

    def test_a_tag_reaches_the_release_as_it_is_from_the_environment(self):
        jobs = workflow("release.yml")["jobs"]
        steps = [one for job in ("linux", "macos") for one in jobs[job]["steps"]]
        releasing = [one for one in steps if "make release" in one.get("run", "")]
        self.assertEqual([(one["run"], one["env"]["TAG"]) for one in releasing], [("make release", "${{ github.ref_name }}")] * 2)


def repeated(pattern):
    """The pattern with each set of digits repeated once or twice."""
    found = [pattern]
    while any("+" in one for one in found):
        found = [one.replace("[0-9]+", digits, 1) for one in found for digits in ("[0-9]", "[0-9][0-9]")]
    return found


class Make(unittest.TestCase):
    """`make release` up to its first step, with a recorder in place of Python."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.python = self.folder / "python"
        # It is asked for its version, and then to judge the tag: that ends it.
        self.python.write_text('#!/bin/sh\ntest "$1" = -c && exit\nprintf \'%s\\n\' "$@" >"$CALLS"\nexit 1\n', encoding="utf-8")
        self.python.chmod(0o755)

    def judged(self, *words, **environment):
        """The arguments that release.py was given."""
        calls = self.folder / "calls"
        env = {"PATH": os.environ["PATH"], "CALLS": str(calls)} | environment
        command = ["make", "release", f"PYTHON={self.python}", "CARGO=true", *words]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertTrue(calls.exists(), done.stderr)
        return calls.read_text().splitlines()[2:]

    def test_a_tag_is_expanded_by_neither_make_nor_the_shell(self):
        made = self.folder / "made"
        does = (f"$(shell touch {made})", f"$(touch${{IFS}}{made})", f"';touch '{made}", f"`touch {made}`", f'";touch "{made}', "$$x")
        for tag in (f"v1.2.3-{one}" for one in does):
            with self.subTest(tag):
                self.assertEqual(self.judged(TAG=tag), ["--arch", "arm64", "--tag", tag, "--check"])
                self.assertFalse(made.exists())

    def test_without_a_tag_it_is_no_release(self):
        for given in ({}, {"TAG": ""}):
            self.assertEqual(self.judged(**given), ["--arch", "arm64", "--check"])

    def test_a_tag_can_be_given_to_make_as_well(self):
        self.assertEqual(self.judged("TAG=v1.2.3"), ["--arch", "arm64", "--tag", "v1.2.3", "--check"])


if __name__ == "__main__":
    unittest.main()
