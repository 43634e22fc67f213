import pytest

from imagine.mail import backends, delivery
from tests.mail.mail_server import MailServer
from tests.summit.conftest import staff

__all__ = ["mail_server", "staff"]


@pytest.fixture
def mail_server(settings):
    """Start a mail server, and reset this process's connection and backoff."""
    server = MailServer()
    settings.EMAIL_BACKEND = "imagine.mail.backends.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_TIMEOUT = 3
    backends.server.close()
    delivery.server_backoff.until = 0.0
    server.open()
    yield server
    backends.server.close()
    delivery.server_backoff.until = 0.0
    server.close()
