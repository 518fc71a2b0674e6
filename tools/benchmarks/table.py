"""Markdown tables."""


def number(value):
    """Three digits or more that mean something, with separators."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def milliseconds(us):
    """Microseconds as milliseconds."""
    return "–" if us is None else f"{us / 1e3:.3f}"


def share(value):
    """A part of one."""
    return "–" if value is None else f"{value:.3f}"


def connections(count):
    """A count of connections in words."""
    return f"{count} connection{'' if count == 1 else 's'}"


def ratio(ours, theirs):
    """How many times theirs ours is."""
    return f"{ours / theirs:.2f}" if ours is not None and theirs else "–"


def figures(title, rows, programs, found):
    """One row for each (label, name of a figure, unit), one column for each server, and the ratio
    where two were measured. `found`: the figures of each server, by its name.
    """
    head = [title, *(program.title for program in programs.values())]
    lines = []
    for label, name, unit in rows:
        values = [found[server].get(name) for server in programs]
        lines.append([label, *(number(None if value is None else value / unit) for value in values)])
        if len(values) == 2:
            lines[-1].append(ratio(*values))
    return markdown(head + [" / ".join(programs)] * (len(programs) == 2), lines)


def markdown(head, rows):
    """The first column is words, the others are numbers; all are padded so that the source reads as a table too."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells):
        first, *others = cells
        padded = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:]))]
        return f"| {' | '.join(padded)} |"

    rule = "|-" + "-" * widths[0] + "-|" + "|".join("-" * (width + 1) + ":" for width in widths[1:]) + "|"
    return "\n".join([line(head), rule, *map(line, rows)]) + "\n"
