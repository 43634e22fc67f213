import pytest
from django.contrib.auth.models import User
from django.test import Client


@pytest.fixture
def staff(db) -> Client:
    """A client signed in as a superuser."""
    client = Client()
    client.force_login(User.objects.create_superuser("staff"))
    return client
