"""Markdown tables."""


def number(value):
    """Three digits or more that mean something, with separators."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def ratio(ours, theirs):
    """How many times theirs ours is."""
    return f"{ours / theirs:.2f}" if ours is not None and theirs else "–"


def markdown(head, rows):
    """The first column is words, the others are numbers; all are padded so that the source reads as a table too."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells):
        first, *others = cells
        return " | ".join(["| " + first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:]))]) + " |"

    rule = "|-" + "-" * widths[0] + "-|" + "|".join("-" * (width + 1) + ":" for width in widths[1:]) + "|"
    return "\n".join([line(head), rule, *map(line, rows)]) + "\n"
