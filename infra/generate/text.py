"""Expands a text that is written once for all domains.

    #for domain     the lines up to its #end, once for each domain; #for pattern likewise for each of a domain's patterns
    #if settings    the lines up to #else or #end, if the value is there; those after #else, if it isn't
    <domain>        a value

A directive stands at the beginning of a line, so that a comment of the text itself can't be taken for one. The last line
of a loop loses its comma when a bracket closes after it, as JSON wants it.
"""

import re

DIRECTIVE = re.compile(r"#(for|if|else|end)\b ?(\w*)$")
VALUE = re.compile(r"<([A-Za-z_]+)>")
COMMA_BEFORE_BRACKET = re.compile(r",(\n *\])")


class Refused(Exception):
    """What was given makes no output; the message says which part, and why."""


def expand(text, values):
    """The text with every directive and value worked out.

    `values` has a text, a truth or, for `#for`, a list of such mappings under each name.
    """
    lines = text.splitlines()
    out, rest = block(lines, 0, values, wanted=True)
    if rest != len(lines):
        raise Refused(f"line {rest + 1}: {lines[rest]} without a beginning")
    return COMMA_BEFORE_BRACKET.sub(r"\1", "".join(f"{line}\n" for line in out))


def block(lines, at, values, wanted):
    """The lines from `at` to the directive that ends them, and where that is. Unwanted ones are read and give nothing."""
    out = []
    while at < len(lines):
        directive = DIRECTIVE.match(lines[at])
        if directive is None:
            if wanted:
                out.append(VALUE.sub(lambda found: str(value(values, found[1])), lines[at]))
            at += 1
            continue
        what, name = directive.groups()
        if what in ("else", "end"):
            return out, at
        begin = at
        each = value(values, name) if wanted else None
        if what == "for":
            at = block(lines, begin + 1, values, wanted=False)[1]
            for one in each or []:
                out += block(lines, begin + 1, {**values, **one}, wanted=True)[0]
        else:
            inside, at = block(lines, begin + 1, values, wanted and bool(each))
            out += inside
            if at < len(lines) and lines[at] == "#else":
                inside, at = block(lines, at + 1, values, wanted and not each)
                out += inside
        if at >= len(lines) or lines[at] != "#end":
            raise Refused(f"line {begin + 1}: {lines[begin]} has no #end")
        at += 1
    return out, at


def value(values, name):
    """A value by its name."""
    if name not in values:
        raise Refused(f"nothing is called <{name}>")
    return values[name]
