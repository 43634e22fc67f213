from django.test import Client

from imagine.accounts import second_factor, sign_in


def signed_in(user) -> Client:
    """A browser of a member of staff, who went through both steps."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    session = client.session
    session[sign_in.FACTOR] = second_factor.TOTP
    session.save()
    return client
