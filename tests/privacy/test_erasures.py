"""Erasures survive a restored backup and an interruption."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from imagine.mail import preferences
from imagine.mail.models import EmailPreference
from imagine.privacy import erasing, tasks
from imagine.privacy.models import Erasure, Hold
from imagine.privacy.people import Person, everything_about
from partners.models import Contact
from summit import rsvp_links
from summit.models import Rsvp
from tests import factories
from tests.privacy.test_people import EMAIL, count_rows_with, create_nora_everywhere, find_nora
from tests.privacy.test_retention import hold

pytestmark = pytest.mark.django_db


@pytest.fixture
def erasure_list(settings, tmp_path) -> Path:
    settings.ERASURE_LIST = str(tmp_path / "erasures.txt")
    return tmp_path / "erasures.txt"


def forget_erasures() -> None:
    """Restore the state before the erasures, as a backup would."""
    Erasure.objects.all().delete()


def age_erasures(days: int = 1) -> None:
    Rsvp.objects.update(created_at=timezone.now() - timedelta(days=days))


@pytest.mark.slow
def test_erasure_list_contains_no_names_and_only_grows(erasure_list):
    factories.rsvp(factories.event(), "Nora Quill", email=EMAIL)
    erasing.erase(find_nora(), by="office")
    first = erasure_list.read_text()
    erasing.erase(Person("other@example.org"), by="office")
    assert erasure_list.read_text().startswith(first)
    assert len(erasure_list.read_text().splitlines()) == 2
    assert "nora" not in first.lower()
    [erasure] = erasing.read_list()[:1]
    assert erasure.email_hash == erasing.hash_of(EMAIL)


@pytest.mark.slow
def test_erasure_list_matches_no_one_after_the_secret_key_changes(erasure_list, settings):
    erasing.erase(find_nora(), by="office")
    settings.SECRET_KEY = "another " * 10
    assert erasing.read_list()[0].email_hash != erasing.hash_of(EMAIL)


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(tasks.erase_again, id="night"),
        pytest.param(lambda: call_command("erase_again"), id="command", marks=pytest.mark.slow),
    ],
)
def test_restored_person_is_erased_again(erasure_list, run):
    erasing.erase(find_nora(), by="office")
    forget_erasures()
    create_nora_everywhere()
    age_erasures()
    run()
    assert everything_about(find_nora()) == []
    assert count_rows_with("lentils") == {}
    assert Rsvp.objects.filter(event__title__startswith="Other").count() == 2
    assert Erasure.objects.count() == 1


def test_restored_person_is_not_erased_again_without_the_list(settings):
    settings.ERASURE_LIST = ""
    erasing.erase(find_nora(), by="office")
    forget_erasures()
    factories.rsvp(factories.event(), "Nora Quill", email=EMAIL)
    age_erasures()
    assert erasing.finish_erasures() == 0
    assert Rsvp.objects.filter(email=EMAIL).exists()


def test_person_who_comes_back_after_erasure_is_kept(erasure_list):
    erasing.erase(find_nora(), by="office")
    Erasure.objects.update(erased_at=timezone.now() - timedelta(days=2), finished_at=None)
    erasure_list.unlink()
    factories.rsvp(factories.event(), "Nora Quill", email=EMAIL)
    age_erasures()
    assert erasing.finish_erasures() == 0
    assert Rsvp.objects.filter(email=EMAIL).exists()


@pytest.mark.slow
def test_interrupted_erasure_is_finished_by_the_nightly_task(erasure_list, monkeypatch):
    factories.rsvp(factories.event(), "Nora Quill", email=EMAIL)
    factories.person("Nora Quill", email=EMAIL)
    monkeypatch.setattr(erasing.contacts, "delete_contact", lambda contact: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        erasing.erase(find_nora(), by="office")
    assert Contact.objects.filter(email=EMAIL).exists()
    monkeypatch.undo()
    tasks.erase_again()
    assert everything_about(find_nora()) == []
    assert Erasure.objects.get().finished_at


@pytest.mark.slow
@pytest.mark.parametrize("has_list", [True, False])
def test_older_rsvp_corrected_to_an_erased_address_is_kept(erasure_list, settings, has_list):
    """Staff correct a typo: the right address belongs to an office that once asked to be erased."""
    settings.ERASURE_LIST = settings.ERASURE_LIST if has_list else ""
    rsvp = factories.rsvp(factories.event(), "Ben Ito", email="ofice@example.org")
    age_erasures(days=7)
    erasing.erase(Person("office@example.org"), by="office")
    rsvp_links.change_email(rsvp, "office@example.org")
    assert erasing.finish_erasures() == 0
    assert Rsvp.objects.filter(email="office@example.org").exists()


@pytest.mark.slow
def test_failure_to_erase_one_person_does_not_stop_the_others(erasure_list, monkeypatch, caplog):
    for email in ("ann@example.org", "walt@example.org"):
        erasing.erase(Person(email), by="office")
        factories.rsvp(factories.event(title=email), "Nora Quill", email=email)
    forget_erasures()
    age_erasures()
    monkeypatch.setattr(erasing, "delete_rsvps", lambda person: person.email[0] == "a" and 1 // 0)
    assert erasing.finish_erasures() == 1
    assert "wasn't erased again" in caplog.text
    assert Erasure.objects.filter(finished_at=None).count() == 1
    monkeypatch.undo()
    assert erasing.finish_erasures() == 1


@pytest.mark.slow
def test_unreadable_erasure_list_does_not_stop_retention(settings, tmp_path):
    settings.ERASURE_LIST = str(tmp_path)  # a folder
    factories.rsvp(factories.event(), "Nora Quill", email=EMAIL)
    preferences.get_preference("gone@example.org")
    tasks.carry_out_retention("nightly")
    assert not EmailPreference.objects.filter(email="gone@example.org").exists()
    with pytest.raises(IsADirectoryError):
        tasks.erase_again()


@pytest.mark.slow
def test_restored_person_on_hold_is_not_erased(erasure_list):
    erasing.erase(find_nora(), by="office")
    forget_erasures()
    factories.rsvp(factories.event(), "Nora Quill", email=EMAIL)
    age_erasures()
    hold(EMAIL.lower())
    assert erasing.finish_erasures() == 0
    Hold.objects.all().delete()
    assert erasing.finish_erasures() == 1


def test_truncated_line_of_the_erasure_list_is_ignored(erasure_list):
    erasing.erase(find_nora(), by="office")
    whole = erasure_list.read_text()
    erasure_list.write_text(f"nonsense\n\n{whole}{whole[:40]}")
    assert len(erasing.read_list()) == 1
    assert erasing.finish_erasures() == 0


def test_no_one_is_erased_if_the_erasure_list_cannot_be_written(settings, tmp_path, staff):
    settings.ERASURE_LIST = str(tmp_path / "missing" / "erasures.txt")
    rsvp = factories.rsvp(factories.event(), "Nora Quill", email=EMAIL)
    path = f"/imagine/admin/privacy/erasure/person/summit.rsvp/{rsvp.pk}/erase/"
    assert "We couldn’t write to the list of erasures" in staff.post(path, follow=True).content.decode()
    assert Rsvp.objects.filter(email=EMAIL).exists()
    assert not Erasure.objects.exists()
