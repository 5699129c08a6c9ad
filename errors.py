"""The one exception that reaches the user as a sentence."""


class UserError(Exception):
    """Something the user can mend: one sentence that says what, where and how to mend it.

    The command line prints it on one line and exits with code 2.
    """
