from tests.mail.conftest import post_office
from tests.summit.conftest import staff

__all__ = ["post_office", "staff"]
