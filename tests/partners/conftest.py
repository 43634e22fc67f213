from tests.imagine.conftest import post_office

__all__ = ["post_office"]
