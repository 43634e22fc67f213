from tests.summit.conftest import staff

__all__ = ["staff"]
