import pytest

from imagine.mail import backends, delivery
from tests.mail.post import PostOffice
from tests.summit.conftest import staff

__all__ = ["post_office", "staff"]


@pytest.fixture
def post_office(settings):
    """A mail server that is up, and this process as it is after its start."""
    office = PostOffice()
    settings.EMAIL_BACKEND = "imagine.mail.backends.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", office.port
    settings.EMAIL_TIMEOUT = 3
    backends.server.close()
    delivery.server_backoff.until = 0.0
    office.open()
    yield office
    backends.server.close()
    delivery.server_backoff.until = 0.0
    office.close()
