from tests.mail.conftest import mail_server
from tests.summit.conftest import staff

__all__ = ["mail_server", "staff"]
