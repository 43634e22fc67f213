import pytest
from django.contrib.auth.models import User
from django.test import Client


@pytest.fixture
def staff(db) -> Client:
    """The browser of a member of staff who may do everything."""
    client = Client()
    client.force_login(User.objects.create_superuser("staff"))
    return client
