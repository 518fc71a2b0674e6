"""nearhit's own language of filters, as far as a test has to know it: some expressions and what they say, words of which
random ones are made, and how one that the peer refuses is told from a typing error.
"""

import re

EXPRESSIONS = [
    (b"exists(.n)", True), (b"exists(.missing)", False), (b"exists(.o)", False), (b"not exists(.missing)", True),
    (b"exists(.z)", True), (b"exists(.o.y)", True), (b".o.y == 1", True), (b".o.y > 1", False), (b".o.missing == null", True),
    (b".z == null and true", True), (b".n == -(-25)", True), (b"-.neg == 3", True), (b"-.n == -25", True),
    (b".n not in [1, 2]", True), (b".n not in [1, 25]", False), (b"not not .n", True), (b"!!.e", False),
    (b'prefix(.s, "Al")', True), (b'prefix(.s, "al")', False), (b'contains(.s, "ice")', True), (b'contains(.a, "x")', True),
    (b'prefix(.n, "2")', False), (b'match(.s, "ALICE")', True), (b'match(.s, "alice bob")', False),
    (b'match(.s, "alices", "english")', True), (b"geo(.n, .f, 25, 2.5, 1)", True), (b"geo(.n, .f, 26, 2.5, 1)", False),
    (b"geo(.n, .missing, 25, 2.5, 1)", False), (b'.missing == null or exists(.n)', True), (b".f > 1e-5 and not false", True),
    (b'.s == "Alice" and prefix(.s, "A") and .n > 24', True),
]  # fmt: skip
"""Valid in our language alone; what each says of `filters.BASE`."""

WRONG = [b"exists(.n", b"exists()", b'prefix(.s "A")', b"geo(.n, .f, 95, 0, 1)", b".n not 1", b".a..b == -.n", b"$1 == -.n", b"null null",
         b'match(.s, "a", "klingon")', b"exist(.n)", b"true.n", b"- - -"]  # fmt: skip
"""Valid in neither language: what is said of them is the peer's."""

_MARK = re.compile(
    rb"\b(?:true|false|null|(?:exists|prefix|contains|match|geo)\s*\()"  # words
    rb"|not\s+in\b|\.\w[\w.]*\.\w"  # paths
    rb"|-\s*[^\s\d.]|-\s*\.?[^\W\d]|-\s+[\d.]|-\.\d|(?:!|not)\s*(?:!|not\b|-)"  # prefixes
    rb"|\d[eE][+-]\d|[^\x00-\x7f]|\\"  # constants, and names
)

_OPERANDS = [
    b".n", b".f", b".s", b".t", b".z", b".a", b".e", b".neg", b".num", b".missing", b".o", b".o.y", b"0", b"25", b"-3", b"2.5", b'"x"',
    b'"Alice"', b'[1, "x"]', b"[]", b"null", b"true", b"exists(.n)", b'prefix(.s, "Al")', b'contains(.a, "x")', b'match(.s, "alice")',
    b"geo(.n, .f, 25, 2.5, 10)",
]  # fmt: skip
_PREFIXES = [b"", b"", b"", b"", b"not ", b"!", b"-", b"("]
_OPERATORS = [b"and", b"or", b"==", b"!=", b">", b"<", b">=", b"<=", b"+", b"-", b"*", b"/", b"%", b"**", b"in", b"not in"]
_STRAY = [b"(", b")", b"not", b"$1", b",", b".", b'"\\""', b"1e-5", b"exists", b"!!", b"- 3"]


def is_marked(expression):
    """True if it has something that only our language has."""
    return _MARK.search(expression) is not None


def random_expression(rng):
    """One that is likely to be valid in one of the languages, or, less often, any words at all."""
    space = rng.choice([b" ", b" ", b"  ", b""])
    if rng.random() < 0.3:
        return space.join(rng.choice(_OPERANDS + _OPERATORS + _STRAY) for _ in range(rng.randint(1, 7)))
    words = []
    for number in range(rng.randint(1, 4)):
        if number:
            words.append(rng.choice(_OPERATORS))
        words.append(rng.choice(_PREFIXES) + rng.choice(_OPERANDS))
    return space.join(words) + b")" * sum(word.startswith(b"(") for word in words)
