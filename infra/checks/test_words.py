"""Each rule of words.py can fail, and what is no prose is left alone."""

import pathlib
import subprocess
import tempfile
import unittest

import words


class Words(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        subprocess.run(["git", "init", "--quiet", folder.name], check=True)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def found(self):
        return list(words.breaches(self.root))

    def test_a_word_that_is_left_is_named_with_its_line_and_a_plainer_one(self):
        self.write("README.md", "# Title\n\nFirst line.\n\nIt is read anew.\n")
        self.assertEqual(self.found(), ["README.md:5: 'anew': say it plainly (again)"])

    def test_a_word_is_found_in_a_table_and_in_a_documentation_comment(self):
        self.write("page.md", "| a | whoever calls |\n|---|---|\n")
        self.write("src/lib.rs", "//! The door.\n\n/// Reads it.\nfn a() {} // nobody reads this\n")
        self.assertEqual([one.split(":")[0] for one in self.found()], ["page.md", "src/lib.rs"])

    def test_code_and_quotations_are_left_alone(self):
        self.write("page.md", 'The field `told_again` and the answer "nobody".\n\n```\nsluice mend anew\n```\n')
        self.assertEqual(self.found(), [])

    def test_a_word_is_found_in_what_rust_prints_and_not_in_a_name_or_a_plain_comment(self):
        texts = ["it is read anew", 'say \\"anew\\" once', "in \\\n  vain", "anew", "--anew is an option"]
        lines = "".join(f'    print("{text}");\n' for text in texts)
        self.write("src/main.rs", f"// It is read anew.\nfn main() {{\n    let a = '\"';\n{lines}    r#\"a \"b\", whoever\"#;\n}}\n")
        self.assertEqual(
            self.found(),
            [
                "src/main.rs:4: 'anew': say it plainly (again)",
                "src/main.rs:6: 'in vain': say it plainly (without success)",
                "src/main.rs:10: 'whoever': say it plainly (name who acts)",
            ],
        )

    def test_a_word_is_found_in_what_python_prints_and_in_a_docstring(self):
        self.write("tool.py", '"""For whoever calls it."""\n\nprint(f"{1} is told")  # nobody reads this\nNAME = "nobody"\n')
        self.assertEqual(
            self.found(),
            [
                "tool.py:1: 'whoever': say it plainly (name who acts)",
                "tool.py:3: 'is told': say it plainly (emitted; is sent)",
            ],
        )

    def test_a_word_is_found_in_a_description_and_in_the_help_of_make(self):
        self.write("template.yaml", 'Description: "How often it is held against the list."\n')
        self.write("Makefile", "run: ## Run it; fails where `it isn't` there\n")
        self.assertEqual([one.split(": say")[0] for one in self.found()], ["Makefile:1: 'fails where'", "template.yaml:1: 'held against'"])

    def test_the_files_of_this_check_may_name_the_words(self):
        self.write("infra/checks/test_words.py", '"""It is read anew."""\n')
        self.assertEqual(self.found(), [])

    def test_a_sentence_of_more_than_forty_words_is_a_breach_and_one_of_forty_is_none(self):
        self.write("a.md", " ".join(["word"] * 40) + ".\n")
        self.write("b.md", " ".join(["word"] * 41) + ".\n")
        self.assertEqual(len(self.found()), 1)
        self.assertIn("b.md:1: 41 words in a sentence", self.found()[0])

    def test_a_sentence_ends_at_a_dot_and_not_at_an_abbreviation_or_a_name(self):
        self.assertEqual(len(words.sentences("It ends. `code` begins. So e.g. This goes on in a.b.")), 3)

    def test_items_of_a_list_are_sentences_of_their_own(self):
        item = "- " + " ".join(["word"] * 30) + "\n"
        self.write("page.md", item * 3)
        self.assertEqual(self.found(), [])

    def test_a_piece_of_code_counts_as_one_word(self):
        self.assertEqual(words.length("Run `make test TEST_ARGS=name and more` now."), 3)

    def test_the_changelog_says_what_was(self):
        self.write("CHANGELOG.md", "Ingest looks anew.\n")
        self.assertEqual(self.found(), [])

    def test_long_sentences_are_counted_for_each_page(self):
        self.write("page.md", "Short. " + " ".join(["Word"] * 31) + ".\n")
        self.assertEqual([(str(a), b, c) for a, b, c in words.shares(self.root)], [("page.md", 2, 1)])


if __name__ == "__main__":
    unittest.main()
