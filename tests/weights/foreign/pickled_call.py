"""A pickle that runs code where it is loaded, for the tests of what must not run any."""


class Call:
    """Pickled, it asks for a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call
