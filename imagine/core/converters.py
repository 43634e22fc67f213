"""What may stand in an address."""


class TokenConverter:
    """A private link's secret, as imagine.models.new_token makes it; anything else in its place is no address of
    ours."""

    regex = "[A-Za-z0-9_-]{32}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value
