"""Account changes are recorded in the activity log."""

import pytest
from django.test import Client

from imagine.accounts import second_factor
from imagine.accounts.models import Passkey
from imagine.core import security_events
from imagine.core.models import SecurityEvent
from tests.accounts.people import (
    ACCOUNT,
    SECOND_STEP,
    SET_UP,
    add_app,
    code_of,
    give_password,
    sign_in_with_app,
    wrong_code,
)

pytestmark = pytest.mark.django_db


def events() -> list[str]:
    return list(SecurityEvent.objects.order_by("pk").values_list("kind", flat=True))


def test_setting_up_a_factor_is_recorded_before_the_sign_in(clerk):
    earlier_count = len(events())
    client = Client(REMOTE_ADDR="10.20.30.40")
    give_password(client, "wrong", address="10.20.30.40")
    give_password(client, address="10.20.30.40")
    client.get(SET_UP)
    client.post(SET_UP, {"code": wrong_code(second_factor.new_totp(client.session, clerk))})
    client.post(SET_UP, {"code": code_of(second_factor.new_totp(client.session, clerk))})
    assert events()[earlier_count:] == [
        "sign_in_failed",
        "second_factor_failed",
        "second_factor_added",
        "signed_in",
        "recovery_codes_created",
    ]
    recorded = SecurityEvent.objects.order_by("pk")[earlier_count:]
    assert {event.network for event in recorded} == {"10.20.30.0/24"}
    assert {event.user_name for event in recorded} == {"", clerk.username}


def test_factors_added_and_removed_are_recorded_with_their_kind(clerk):
    device = add_app(clerk)
    Passkey.objects.create(user=clerk, name="Laptop", credential_id=b"1", data=b"")
    client = sign_in_with_app(clerk, device)
    client.get(f"{ACCOUNT}authenticator-app/")
    new = second_factor.new_totp(client.session, clerk)
    client.post(f"{ACCOUNT}authenticator-app/", {"code": code_of(new)})
    client.post(f"{ACCOUNT}remove/")
    changes = SecurityEvent.objects.filter(kind__in=["second_factor_added", "second_factor_removed"]).order_by("pk")
    assert [(event.kind, event.user, event.about, event.facts) for event in changes] == [
        ("second_factor_added", clerk, clerk, {"factor": "totp"}),
        ("second_factor_removed", clerk, clerk, {"factor": "totp"}),
    ]


def test_failures_from_one_network_do_not_fill_the_log(clerk, monkeypatch):
    monkeypatch.setattr(security_events, "MAX_FAILURES", 5)
    earlier_count = len(events())
    for number in range(8):
        give_password(Client(), "wrong", name=f"guess-{number}", address="10.20.30.40")
    assert events()[earlier_count:] == ["sign_in_failed"] * 6
    assert [event.facts for event in SecurityEvent.objects.order_by("pk")[earlier_count:]] == [{}] * 5 + [
        {"unlisted": True}
    ]
    last = SecurityEvent.objects.latest("pk")
    assert (last.network, last.about) == ("10.20.30.0/24", None)
    give_password(Client(), "wrong", address="10.20.31.40")
    assert len(events()[earlier_count:]) == 7


def test_recovery_code_and_ended_sessions_are_recorded(clerk):
    device = add_app(clerk)
    code, *_rest = second_factor.new_recovery_codes(clerk)
    sign_in_with_app(clerk, device)
    earlier_count = len(events())
    client = Client()
    give_password(client)
    client.post(SECOND_STEP, {"code": code})
    client.post(f"{ACCOUNT}sessions/end/")
    assert events()[earlier_count:] == ["recovery_code_used", "signed_in", "session_ended"]
