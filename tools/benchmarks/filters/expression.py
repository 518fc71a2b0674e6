"""The part of the FILTER language that filters of sets are written in, as a tree: for finding what
matches without a server, and for saying the same to an engine that has conditions of its own.

A tree is a tuple: ("and", tree, tree), ("or", tree, tree), ("not", tree), (one of COMPARISONS,
field, value), ("in", field, [value, ...]), or ("has", field, value) for a value in the array that
the field holds.
"""

import re

TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"[^"]*"|'[^']*')
        |(?P<number>-?\d+(?:\.\d+)?)
        |\.(?P<field>[\w-]+)
        |(?P<sign>==|!=|<=|>=|[<>()\[\],])
        |(?P<word>\w+)
    )""",
    re.VERBOSE,
)
COMPARISONS = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def parse(text):
    """The tree of an expression; ValueError where it is not in this part of the language."""
    parser = Parser(text)
    tree = parser.either()
    if parser.tokens:
        raise ValueError(f"{text}: unexpected {parser.tokens[0][1]}")
    return tree


class Parser:
    """Recursive descent over the tokens that are left."""

    def __init__(self, text):
        self.text, self.tokens, at = text, [], 0
        while at < len(text.rstrip()):
            found = TOKEN.match(text, at)
            if not found:
                raise ValueError(f"{text}: cannot be read from position {at}")
            kind, token = found.lastgroup, found[found.lastgroup]
            self.tokens.append((token if kind in ("sign", "word") else kind, token))
            at = found.end()

    def take(self, *wanted):
        """The text of the next token if its kind is wanted, otherwise None. A sign or a word is a
        kind of its own.
        """
        if self.tokens and self.tokens[0][0] in wanted:
            return self.tokens.pop(0)[1]
        return None

    def need(self, *wanted):
        """The same, where nothing else may stand."""
        found = self.take(*wanted)
        if found is None:
            raise ValueError(f"{self.text}: {' or '.join(wanted)} is missing")
        return found

    def either(self):
        tree = self.both()
        while self.take("or"):
            tree = ("or", tree, self.both())
        return tree

    def both(self):
        tree = self.one()
        while self.take("and"):
            tree = ("and", tree, self.one())
        return tree

    def one(self):
        if self.take("not"):
            return ("not", self.one())
        if self.take("("):
            tree = self.either()
            self.need(")")
            return tree
        if field := self.take("field"):
            if self.take("in"):
                return ("in", field, self.values())
            return (self.need(*COMPARISONS), field, self.value())
        value = self.value()
        self.need("in")
        return ("has", self.need("field"), value)

    def values(self):
        self.need("[")
        values = [self.value()]
        while self.take(","):
            values.append(self.value())
        self.need("]")
        return values

    def value(self):
        if text := self.take("string"):
            return text[1:-1]
        number = float(self.need("number"))
        return int(number) if number.is_integer() else number


def fields(tree):
    """The fields that it names."""
    if tree[0] in ("and", "or", "not"):
        return set().union(*map(fields, tree[1:]))
    return {tree[1]}


def matches(tree, attributes):
    """Whether it is true of an element. One that lacks any field that the expression names does not
    match, whatever else is said: so it is in Redis 8.6.
    """
    return fields(tree) <= attributes.keys() and is_true(tree, attributes)


def is_true(tree, attributes):
    """The same where no field is missing."""
    name, *rest = tree
    if name == "and":
        return all(is_true(part, attributes) for part in rest)
    if name == "or":
        return any(is_true(part, attributes) for part in rest)
    if name == "not":
        return not is_true(rest[0], attributes)
    field, value = rest
    if name == "in":
        return attributes[field] in value
    if name == "has":
        return value in attributes[field]
    return COMPARISONS[name](attributes[field], value)
