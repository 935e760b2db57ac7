"""The current directory of a user, for every test of a command."""

from commandline import here

__all__ = ["here"]
