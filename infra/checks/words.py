#!/usr/bin/env python3
"""Checks that what people read is in plain words: no word of a private dialect, no sentence that is too long to follow.

Read are:

- the Markdown pages (except CHANGELOG.md, which says what was) and the documentation comments of Rust sources (`///`, `//!`);
- what programs print: the string literals of Rust and Python sources, docstrings included;
- each line of the template, the workflows, the manifests, the Makefile and the shell scripts: descriptions and comments.

Words of `LEFT` have a plainer word beside them. A word is no breach inside of `code` or "quotation marks", as a field
(`.mend`) or an option (`--mend`), or in a literal without a space, which is a name. The files of this check name the words,
and aren't read.

A sentence of a page or a documentation comment has at most `WORDS_MAX` words. Tables, lists of code and headings aren't
sentences.

Run `infra/checks/words.py` from anywhere; it exits with 1 and one line for each breach. `--count` prints instead how many
sentences have more than 30 words, for each page. Python 3.10, no packages.
`infra/checks/test_words.py` shows that each rule can fail.
"""

import ast
import pathlib
import re
import subprocess
import sys

# A sentence of more words is a defect.
WORDS_MAX = 40

# A sentence of more words than this is long; pages are judged by the share of those.
LONG = 30

# What is left, and what is said instead.
LEFT = {
    r"\bwhoever\b": "name who acts",
    r"\bnobody\b": "name who doesn't",
    r"\b(?:some|any)body\b": "name who acts",
    r"\banew\b": "again",
    r"\bmend(?:s|ed|ing)?\b": "fix, correct",
    r"\bthe doors?\b|\ba door\b|\bdoor's\b": "ingest, the endpoint",
    r"\b(?:is|are|was|were|be|been|being|ever|never|not) told\b": "emitted; is sent",
    r"\btold (?:again|once|twice|of)\b|\b(?:facts?|levels?|effects?) told\b": "emitted",
    r"\btells? (?:nothing|no more|(?:a |the )?(?:facts?|levels?)|\w+ again)\b": "emit",
    r"\bheld against\b|\bholds? .{0,40} against\b": "compare with",
    r"\bgo(?:es)? on with\b": "continue, resume",
    r"\bis gone on with\b": "is resumed",
    r"\bso many\b": "the number of",
    r"\ba (?:line|row|rule|request|call|metric) an? (?:thing|domain|event|second|invocation|type|queue)\b": "per, for each",
    r"\bparted by\b": "separated by",
    r"\bit is worth it\b": "say when, how long",
    r"\bforesee[ns]?\b|\bforesaw\b": "predict, dry run",
    r"\b(?:alarms?|they|that) ring\b|\brings\b|\brang\b": "fires",
    r"\bentomb(?:s|ed)?\b|\bbur(?:y|ied)\b": "write a tombstone",
    r"\bin vain\b": "without success",
    r"\bhears? of\b|\bheard of\b|\bunheard\b": "receive, learn",
    r"\b(?:fails?|exits?|refused|empty|also|exit code \d+),? where\b|\bwhere (?:it|they) (?:isn't|aren't|doesn't|don't)\b|, where set\b": "if",
    r"\btwin of\b": "the same change as",
}

CODE = re.compile(r"`[^`]*`|\"[^\"]*\"|“[^”]*”")
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
END = re.compile(r"(?<=[.!?])[\"')*]*\s+(?=[A-Z0-9`\[(*])")
# A field or an option, as examples of calls have them.
FIELD = re.compile(r"(?<!\w)(?:\.|--?)\w[\w.-]*")
# The literals of a Rust source, and what only looks like one: comments and characters.
RUST = re.compile(
    r"""//[^\n]*|/\*.*?\*/|'(?:[^'\\\n]|\\[^\n]{1,8}?)'(?!\w)|\bb?r(?P<fence>\#*)"(?P<raw>.*?)"(?P=fence)|"(?P<text>(?:[^"\\]|\\.)*)\"""",
    re.DOTALL,
)
# What the files are called that are read line by line.
LINES = {".yaml", ".yml", ".toml", ".sh", ""}
KINDS = ["*.md", "*.rs", "*.py", "*.yaml", "*.yml", "*.toml", "*.sh", "Makefile"]
# They name the words.
OWN = {"infra/checks/words.py", "infra/checks/test_words.py"}
# What ends with a dot and ends no sentence.
SHORT = re.compile(r"\b(?:e\.g|i\.e|etc|vs|cf|approx|no)\.", re.IGNORECASE)


def sources(root):
    """The files of the project that are read."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *KINDS],
        cwd=root,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout.split()
    return [root / name for name in listed if name != "CHANGELOG.md" and name not in OWN]


def literals(path, text):
    """(number of the first line, text) of each string literal that isn't a name."""
    if path.suffix == ".rs":
        for match in RUST.finditer(text):
            found = match["raw"] if match["raw"] is not None else match["text"]
            if found is not None:
                yield text.count("\n", 0, match.start()) + 1, re.sub(r"\\\n\s*", "", found).replace('\\"', '"')
    elif path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.lineno, node.value


def printed(path, text):
    """(number of the line, text) of what isn't a page: literals, and lines of what has no literals."""
    for number, found in literals(path, text):
        if " " in found.strip():
            yield number, FIELD.sub("", " ".join(found.split()))
    if path.suffix in LINES:
        for number, line in enumerate(text.splitlines(), 1):
            yield number, line.replace('"', "")


def paragraphs(path, text):
    """(number of the first line, text) of each paragraph that is prose."""
    if path.suffix not in (".md", ".rs"):
        return
    is_rust = path.suffix == ".rs"
    comment = re.compile(r"^\s*//[/!] ?(.*)$")
    at, lines, in_code = 1, [], False
    for number, line in enumerate(text.splitlines(), 1):
        if is_rust:
            match = comment.match(line)
            line = match.group(1) if match else ""
        stripped = line.strip()
        if stripped.startswith("```") or stripped.startswith("~~~"):
            in_code, stripped = not in_code, ""
        is_item = re.match(r"(?:[-*+]|\d+\.) ", stripped)
        is_prose = not in_code and stripped and not stripped.startswith(("#", "|", "<", "[", ">"))
        if is_item or not is_prose:
            if lines:
                yield at, " ".join(lines)
            lines = []
        if is_prose:
            if not lines:
                at = number
            lines.append(re.sub(r"^(?:[-*+]|\d+\.) +", "", stripped))
    if lines:
        yield at, " ".join(lines)


def cells(path, text):
    """(number of the line, text) of each row of a table: words are judged there, sentences aren't."""
    comment = r"^\s*//[/!] ?" if path.suffix == ".rs" else r"^"
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(comment + r"\s*\|", line):
            yield number, line


def sentences(paragraph):
    """The sentences of a paragraph."""
    return END.split(SHORT.sub(lambda match: match.group().replace(".", ""), paragraph))


def length(sentence):
    """How many words a sentence has: a piece of code or a link's text counts as its words outside of code."""
    plain = LINK.sub(r"\1", sentence)
    plain = re.sub(r"`[^`]*`", "code", plain)
    return len(re.findall(r"[\w'’$%.,/-]*\w[\w'’$%.,/-]*", plain))


def breaches(root):
    """One line for each breach."""
    for path in sources(root):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(root)
        for number, paragraph in paragraphs(path, text):
            for sentence in sentences(paragraph):
                if length(sentence) > WORDS_MAX:
                    yield f"{name}:{number}: {length(sentence)} words in a sentence: {sentence[:60]}…"
        for number, part in [*paragraphs(path, text), *cells(path, text), *printed(path, text)]:
            plain = CODE.sub("", LINK.sub(r"\1", part))
            for pattern, instead in LEFT.items():
                found = re.search(pattern, plain, re.IGNORECASE)
                if found:
                    yield f"{name}:{number}: {found.group()!r}: say it plainly ({instead})"


def shares(root):
    """(page, sentences, long ones) for each Markdown page."""
    for path in sources(root):
        if path.suffix == ".md":
            text = path.read_text(encoding="utf-8")
            all_of = [sentence for _, part in paragraphs(path, text) for sentence in sentences(part)]
            yield path.relative_to(root), len(all_of), sum(length(sentence) > LONG for sentence in all_of)


def main():
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    if "--count" in sys.argv[1:]:
        for name, count, long in shares(root):
            print(f"{100 * long / max(count, 1):5.1f} %  {long:4} of {count:4}  {name}")
        return
    found = list(breaches(root))
    for breach in found:
        print(breach, file=sys.stderr)
    if found:
        raise SystemExit(f"words: {len(found)} breach(es); infra/docs/glossary.md has the words to use")
    print("words: plain")


if __name__ == "__main__":
    main()
