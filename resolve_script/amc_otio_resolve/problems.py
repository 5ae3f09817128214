"""What stops a script: a sentence that says what is wrong, and one that says what to do."""


class Problem(Exception):
    """Stops a script; its text is for an editor."""

    def __init__(self, what, remedy):
        super().__init__("{}. What to do: {}.".format(what.rstrip("."), remedy.rstrip(".")))


class Stopped(Exception):
    """The editor stopped it."""
