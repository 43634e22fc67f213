class TokenConverter:
    """The secret of a personal link, as imagine.core.links.new_token makes it."""

    regex = "[A-Za-z0-9_-]{32}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value
