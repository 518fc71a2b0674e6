"""What is to be measured cannot be had here."""


class LeftOut(Exception):
    """Why."""
