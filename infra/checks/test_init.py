"""Shows that `sam init --location` makes a project of this repository.

    .venv/lint/bin/python -m unittest discover --start-directory infra/checks

It needs the repository's history, of which `sam init` takes the last commit: a project that was made so has none.
"""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAM = Path(sys.executable).with_name("sam")


@unittest.skipUnless((ROOT / ".git").exists(), "no repository")
class Init(unittest.TestCase):
    def test_sam_init_makes_a_whole_project(self):
        with tempfile.TemporaryDirectory() as home:
            env = {"PATH": os.environ["PATH"], "HOME": home, "SAM_CLI_TELEMETRY": "0"}
            project = Path(home) / "my-webhooks"
            # Bare, as `gh:` would clone it: what isn't committed is in no project.
            source = Path(home) / "sluice.git"
            subprocess.run(["git", "clone", "--quiet", "--bare", ROOT, source], env=env, check=True)
            command = [SAM, "init", "--no-input", "--location", f"git+file://{source}", "--name", project.name, "--output-dir", home]
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            tracked = subprocess.run(
                ["git", "ls-tree", "-r", "--name-only", "HEAD"], cwd=source, env=env, capture_output=True, text=True, check=True
            )
            missing = [name for name in tracked.stdout.splitlines() if not (project / name).exists()]
            self.assertEqual(missing, [])


if __name__ == "__main__":
    unittest.main()
