"""Shows on a made-up workspace that each rule of `directions.py` can fail, and that a sound one passes.

python3 -m unittest discover --start-directory infra/checks
"""

import pathlib
import tempfile
import unittest

import directions


class Workspace:
    """A made-up workspace: manifests as `cargo metadata` prints them, sources as files."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.packages = {}
        self.nodes = {}
        self.members = []

    def member(self, place, name, sources=None):
        self.members.append(name)
        self.package(name, manifest=self.root / place / "Cargo.toml")
        for file, text in (sources or {}).items():
            path = self.root / place / "src" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return self

    def package(self, name, *, version="1.0.0", manifest="/registry/Cargo.toml", target="lib", key=None):
        self.packages[key or name] = {
            "id": key or name,
            "name": name,
            "version": version,
            "manifest_path": str(manifest),
            "dependencies": [],
            "targets": [{"kind": [target]}],
        }
        self.nodes[key or name] = {"id": key or name, "deps": []}
        return self

    def needs(self, one, other, kind=None):
        """`one` depends on `other`, which is made if it doesn't exist (as an external package)."""
        if other not in self.packages:
            self.package(other)
        path = str(self.root) if other in self.members else None
        name = self.packages[other]["name"]
        self.packages[one]["dependencies"].append({"name": name, "kind": kind, "path": path})
        self.nodes[one]["deps"].append({"pkg": other, "dep_kinds": [{"kind": kind, "target": None}]})
        return self

    def breaches(self):
        return directions.breaches(
            {
                "workspace_root": str(self.root),
                "workspace_members": self.members,
                "packages": list(self.packages.values()),
                "resolve": {"nodes": list(self.nodes.values())},
            }
        )


class Directions(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.work = (
            Workspace(folder.name)
            .member("functions/shared/kernel", "sluice-kernel", {"lib.rs": "pub fn apply() {}\n"})
            .member("functions/shared/stripe", "sluice-stripe", {"lib.rs": "pub fn verify(now: i64) {}\n"})
            .member("functions/shared/adapters", "sluice-adapters", {"lib.rs": "use std::time::SystemTime;\n"})
            .member("functions/shared/harness", "sluice-harness", {"lib.rs": ""})
            .member("functions/shared/domains", "sluice-domains", {"lib.rs": ""})
            .member("functions/ingest", "ingest", {"lib.rs": "", "main.rs": "use sluice_adapters::ledger;\n"})
            .member("functions/payments", "payments", {"lib.rs": "", "main.rs": "use sluice_adapters::runner;\n"})
            .member("functions/subscriptions", "subscriptions", {"lib.rs": ""})
            .member("infra/local", "sluice-local", {"lib.rs": ""})
            .member("infra/cli", "sluice-cli", {"main.rs": ""})
            .member("infra/operations", "sluice-operations", {"lib.rs": ""})
            .member("tests", "sluice-tests")
            .member("tests/model", "sluice-model")
        )
        self.work.needs("sluice-kernel", "serde").needs("sluice-stripe", "sluice-kernel")
        self.work.needs("sluice-adapters", "sluice-kernel").needs("sluice-adapters", "rustls")
        self.work.needs("sluice-adapters", "sluice-harness", "dev").needs("sluice-harness", "sluice-stripe")
        self.work.needs("payments", "sluice-adapters").needs("payments", "sluice-harness", "dev")
        self.work.needs("ingest", "sluice-adapters").needs("ingest", "sluice-stripe")
        self.work.needs("sluice-domains", "sluice-kernel").needs("sluice-domains", "payments")
        self.work.needs("sluice-domains", "subscriptions").needs("sluice-cli", "sluice-domains")
        self.work.needs("sluice-cli", "sluice-operations").needs("sluice-operations", "sluice-domains")
        self.work.needs("sluice-operations", "subscriptions").needs("sluice-cli", "ingest")
        self.work.needs("sluice-tests", "sluice-domains", "dev").needs("sluice-tests", "subscriptions", "dev")
        self.work.needs("sluice-local", "sluice-adapters")
        self.work.needs("sluice-local", "clap").needs("sluice-tests", "sluice-local", "dev")

    def source(self, place, text):
        (self.work.root / place).parent.mkdir(parents=True, exist_ok=True)
        (self.work.root / place).write_text(text, encoding="utf-8")

    def assert_breach(self, *words):
        found = self.work.breaches()
        self.assertEqual(len(found), 1, found)
        for word in words:
            self.assertIn(word, found[0])

    def test_a_sound_workspace_passes(self):
        self.assertEqual(self.work.breaches(), [])

    def test_the_kernel_names_nobody(self):
        # Stripe's crate is no pure dependency either: two rules speak.
        self.work.needs("sluice-kernel", "sluice-stripe")
        self.assertEqual(len(self.work.breaches()), 2)

    def test_no_domain_names_another(self):
        self.work.needs("payments", "subscriptions")
        self.assert_breach("functions/payments/Cargo.toml", "domain may not name subscriptions")

    def test_no_domain_names_another_for_its_tests(self):
        self.work.needs("payments", "subscriptions", "dev")
        self.assert_breach("[dev-dependencies]", "subscriptions")

    def test_no_domain_and_no_function_names_all_domains(self):
        self.work.needs("payments", "sluice-domains", "dev")
        self.assert_breach("functions/payments/Cargo.toml", "domain may not name sluice-domains")
        self.work.packages["payments"]["dependencies"].pop()
        self.work.needs("ingest", "sluice-domains")
        self.assert_breach("functions/ingest/Cargo.toml", "function may not name sluice-domains")

    def test_a_program_names_no_domain(self):
        self.work.needs("sluice-local", "payments")
        self.assert_breach("infra/local/Cargo.toml", "only sluice-domains may name payments")

    def test_a_test_names_no_domain(self):
        self.work.needs("sluice-tests", "payments", "dev")
        self.assert_breach("tests/Cargo.toml", "only sluice-domains may name payments")

    def test_an_exception_is_for_one_domain(self):
        self.work.needs("sluice-operations", "payments")
        self.assert_breach("infra/operations/Cargo.toml", "only sluice-domains may name payments")

    def test_an_exception_that_nobody_needs_is_taken_out(self):
        dependencies = self.work.packages["sluice-operations"]["dependencies"]
        dependencies[:] = [one for one in dependencies if one["name"] != "subscriptions"]
        self.assert_breach("infra/operations/Cargo.toml", "no longer names subscriptions")

    def test_what_names_all_domains_names_nothing_else(self):
        self.work.needs("sluice-domains", "sluice-adapters")
        self.assert_breach("functions/shared/domains/Cargo.toml", "domains may not name sluice-adapters")

    def test_the_harness_is_for_tests_only(self):
        self.work.needs("payments", "sluice-harness")
        self.assert_breach("[dependencies]", "sluice-harness")

    def test_a_function_does_not_name_what_operators_run(self):
        # The operators' program brings clap along, so the tree speaks too.
        self.work.needs("ingest", "sluice-local")
        found = "\n".join(self.work.breaches())
        self.assertIn("function may not name sluice-local", found)
        self.assertIn("ingest links clap", found)

    def test_the_model_stands_alone(self):
        self.work.needs("sluice-model", "sluice-kernel", "dev")
        self.assert_breach("tests/model/Cargo.toml", "model may not name sluice-kernel")

    def test_a_new_shared_crate_may_name_the_kernel_only(self):
        self.work.member("functions/shared/metrics", "sluice-metrics", {"lib.rs": ""})
        self.work.needs("sluice-metrics", "sluice-kernel")
        self.assertEqual(self.work.breaches(), [])
        self.work.needs("sluice-metrics", "sluice-adapters")
        self.assert_breach("metrics may not name sluice-adapters")

    def test_the_kernel_depends_on_pure_crates_only(self):
        self.work.needs("sluice-kernel", "tracing")
        self.assert_breach("the kernel may not depend on tracing")

    def test_the_kernel_may_test_with_what_it_likes(self):
        self.work.needs("sluice-kernel", "proptest", "dev")
        self.assertEqual(self.work.breaches(), [])

    def test_only_main_names_the_adapters(self):
        self.source("functions/ingest/src/answer.rs", "fn f() {}\nuse sluice_adapters::bus;\n")
        self.assert_breach("functions/ingest/src/answer.rs:2", "only main.rs")

    def test_pure_code_reads_no_clock(self):
        self.source("functions/shared/kernel/src/lib.rs", "use std::time::{Duration, Instant};\n")
        self.assert_breach("functions/shared/kernel/src/lib.rs:1", "reads a clock")

    def test_pure_code_reads_no_environment(self):
        self.source("functions/payments/src/lib.rs", "fn f() { std::env::var(NAME); }\n")
        self.assert_breach("functions/payments/src/lib.rs:1", "reads the environment")

    def test_pure_code_names_no_runtime_and_no_aws(self):
        self.source("functions/shared/kernel/src/a.rs", "async fn f() { tokio::spawn(g()) }\n")
        self.assert_breach("a.rs:1", "names the runtime")
        self.source("functions/shared/kernel/src/a.rs", "use aws_sdk_sqs::Client;\n")
        self.assert_breach("a.rs:1", "names AWS")
        self.source("functions/shared/kernel/src/a.rs", "fn f(r: http::Request<()>) {}\n")
        self.assert_breach("a.rs:1", "names HTTP")

    def test_the_signature_gets_the_time(self):
        self.source("functions/shared/stripe/src/signature.rs", "let now = SystemTime::now();\n")
        self.assert_breach("signature.rs:1", "reads a clock")

    def test_comments_text_and_tests_are_not_code(self):
        self.source(
            "functions/shared/kernel/src/lib.rs",
            "//! Never tokio::spawn.\n"
            "/* std::env\n is read elsewhere */\n"
            'const A: &str = "http::x \\" tokio::y";\n'
            'const B: &str = r#"std::env " aws_sdk::z"#;\n'
            "fn f<'a>(x: &'a str) -> char { '\"' }\n"
            "#[cfg(test)]\nmod tests {\n    use std::time::Instant;\n}\n",
        )
        self.assertEqual(self.work.breaches(), [])

    def test_code_after_text_is_still_code(self):
        self.source("functions/shared/kernel/src/lib.rs", "const Q: char = '\"';\nuse tokio::time;\n// \"\n")
        self.assert_breach("lib.rs:2", "names the runtime")

    def test_a_test_module_in_its_own_file_is_not_code(self):
        self.source("functions/shared/kernel/src/lib.rs", "mod take;\n")
        self.source("functions/shared/kernel/src/take.rs", "#[cfg(test)]\nmod tests;\n")
        self.source("functions/shared/kernel/src/take/tests.rs", "use tokio::test;\n")
        self.assertEqual(self.work.breaches(), [])

    def test_a_function_links_no_emulator_however_deep(self):
        self.work.needs("rustls", "helper").needs("helper", "dynoxide-rs")
        found = self.work.breaches()
        for linking in ("ingest", "payments", "sluice-cli", "sluice-operations"):
            self.assertIn(f"{linking} links dynoxide-rs (an emulator is for tests)", "\n".join(found))
        self.assertEqual(len(found), 4, found)

    def test_the_operators_program_links_nothing_of_the_emulator_however_deep(self):
        self.work.needs("sluice-operations", "sluice-local")
        found = "\n".join(self.work.breaches())
        for program in ("sluice-cli", "sluice-operations"):
            self.assertIn(f"{program} links sluice-local (it starts the local AWS", found)

    def test_the_operations_know_no_terminal_and_the_program_may(self):
        self.work.needs("sluice-cli", "clap").needs("sluice-operations", "anstream")
        self.assert_breach("sluice-operations links anstream")

    def test_the_console_reaches_a_stack_through_the_operations_only(self):
        self.work.member("infra/console", "sluice-console").needs("sluice-console", "sluice-operations")
        self.assertEqual(self.work.breaches(), [])
        for other in ("sluice-adapters", "aws-sdk-dynamodb"):
            self.work.needs("sluice-console", other)
            self.assert_breach("infra/console/Cargo.toml", f"the console may not name {other}")
            self.work.packages["sluice-console"]["dependencies"].pop()
            self.work.nodes["sluice-console"]["deps"].pop()

    def test_a_function_links_no_second_tls_stack(self):
        self.work.needs("payments", "native-tls")
        self.assert_breach("payments links native-tls", "a second TLS stack")

    def test_a_function_links_one_version_of_rustls(self):
        self.work.package("rustls", version="0.21.12", key="rustls 0.21").needs("payments", "rustls 0.21")
        self.assert_breach("payments links rustls more than once: 0.21.12, 1.0.0")

    def test_what_only_builds_or_tests_a_function_is_not_linked(self):
        self.work.needs("payments", "clap", "build").needs("payments", "dynoxide-rs", "dev")
        self.work.package("derive", target="proc-macro").needs("payments", "derive").needs("derive", "ureq")
        self.assertEqual(self.work.breaches(), [])


if __name__ == "__main__":
    unittest.main()
