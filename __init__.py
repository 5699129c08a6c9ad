"""DiffSign: the same signing by a signer who does not exist."""

__version__ = "0.1.0"
