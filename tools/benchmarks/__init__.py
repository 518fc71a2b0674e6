"""What tools/bench measures: one module for each subcommand (a folder for the index), and what they share.

build.py makes or installs the programs, servers.py runs one server, load.py runs the load generator against it,
datasets.py finds the vectors, table.py draws Markdown.
"""


class Failure(Exception):
    """Something a person has to mend before anything can be measured."""
