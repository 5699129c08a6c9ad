"""A figure that cannot be had says why: never a silent zero."""


class Unavailable(Exception):
    """One sentence: what a figure lacks here."""
