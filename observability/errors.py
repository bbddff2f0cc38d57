"""What can be wrong with what is measured."""


class UnknownMetric(LookupError):
    """A rule names a metric that nobody declared."""


class BadSample(ValueError):
    """A source answered with something that cannot be: a wrong unit, a time in the future, a part above its whole."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason
