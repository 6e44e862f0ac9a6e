"""The one exception that means: the user can mend this."""

__all__ = ["InputError"]


class InputError(ValueError):
    """Bad input: a value, a file or a folder that the user gave.

    The message is one line that names the value, the reason and the remedy. The command line prints
    it without a traceback and exits with a status other than 0.
    """
