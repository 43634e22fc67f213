"""Database constraints, and small methods of the models."""

import importlib
from datetime import timedelta

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError, Value
from django.utils import timezone, translation

from partners.models import (
    Contact,
    Organization,
    Pledge,
    PledgeYear,
    Promise,
    PromiseType,
    School,
    Sector,
    Signature,
    normalize_name,
)

pytestmark = pytest.mark.django_db


def organization(name: str = "Port Gate Logistics", **fields) -> Organization:
    return Organization.objects.create(name=name, **({"slug": f"partner-{Organization.objects.count()}"} | fields))


def pledge(**fields) -> Pledge:
    year, _made = PledgeYear.objects.get_or_create(school_year=2027, defaults={"opens_on": timezone.localdate()})
    return Pledge.objects.create(**({"organization": organization(), "year": year} | fields))


def promise(of: Pledge, **fields) -> Promise:
    defaults = {"promise_type": PromiseType.objects.get(code="tours"), "quantity": 6}
    return Promise.objects.create(pledge=of, **(defaults | fields))


def school(**fields) -> School:
    return School.objects.create(**({"code": "39686760108159", "name": "Cesar Chavez High", "level": "high"} | fields))


def violates(constraint: str, call, *args, **fields) -> None:
    """Check that the call violates the constraint with this name."""
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        call(*args, **fields)


# Constraints ---------------------------------------------------------------------------------------------------


def test_one_pledge_per_organization_and_year():
    first = pledge()
    violates("pledge_one_per_organization_and_year", pledge, organization=first.organization)
    pledge(organization=organization("Slough House Bakery"))
    assert Pledge.objects.count() == 2


def test_promises_of_a_type_are_counted_from_one_to_five():
    first = promise(pledge())
    violates("promise_position_once_per_pledge_and_type", promise, first.pledge)
    assert promise(first.pledge, position=5).pk
    for position in (0, 6):
        violates("promise_position_in_bounds", promise, first.pledge, position=position)


@pytest.mark.parametrize("quantity", [0, 100_001])
def test_quantity_in_bounds(quantity):
    violates("promise_quantity_in_bounds", promise, pledge(), quantity=quantity)


def test_unknown_grades_and_months_are_refused():
    violates("promise_grades_known", promise, pledge(), grades=["13"])
    violates("promise_months_of_a_school_year", promise, Pledge.objects.get(), months=[13])
    assert promise(Pledge.objects.get(), grades=["TK-K", "9-12"], months=[8, 7], position=2).pk


def test_one_contact_per_email_and_organization_ignoring_case():
    here = organization()
    Contact.objects.create(organization=here, name="Alma", email="alma@example.org")
    violates("contact_one_per_email_and_organization", here.contacts.create, name="A", email="ALMA@example.org")
    organization("Other").contacts.create(name="Alma", email="alma@example.org")
    assert Contact.objects.with_email("Alma@Example.org").count() == 2


def test_one_primary_contact_per_organization():
    here = organization()
    here.contacts.create(name="Alma", email="alma@example.org", is_primary=True)
    violates(
        "contact_one_primary_per_organization", here.contacts.create, name="B", email="b@example.org", is_primary=True
    )
    here.contacts.create(name="Chue", email="chue@example.org")


def test_signed_pledge_requires_a_name_and_a_time():
    violates("pledge_signed_by_whom_and_when", pledge, signed_at=timezone.now())
    violates("pledge_signed_by_whom_and_when", pledge, signed_by="Alma", organization=organization("B"))
    violates("pledge_signed_by_whom_and_when", pledge, signed_role="Owner", organization=organization("C"))


def test_signature_requires_a_name_and_a_unique_number_from_one():
    here = pledge()
    here.signatures.create(number=1, signed_by="Alma Reyes", content={})
    violates("signature_number_once", here.signatures.create, number=1, signed_by="Alma Reyes", content={})
    violates("signature_number_from_one", here.signatures.create, number=0, signed_by="Alma Reyes", content={})
    violates("signature_has_a_name", here.signatures.create, number=2, signed_by="", content={})
    assert Signature.objects.count() == 1


@pytest.mark.parametrize("website", ["javascript:alert(1)", "ftp://example.org", "www.example.org", "https://a b"])
def test_invalid_website_is_refused(website):
    violates("organization_website_is_a_web_address", organization, website=website)


def test_organization_requires_a_name_and_a_unique_slug():
    violates("organization_has_a_name", organization, "")
    organization("One", slug="same")
    violates("slug", organization, "Other", slug="same")


def test_school_requires_a_unique_14_digit_code_and_a_known_level():
    violates("school_code_has_14_digits", school, code="3968676010815")
    violates("school_level_known", school, level="middle")
    school()
    violates("code", school, name="Another")


def test_school_year_is_in_bounds_and_deadline_is_not_before_opening():
    today = timezone.localdate()
    violates("pledgeyear_school_year_in_bounds", PledgeYear.objects.create, school_year=2017, opens_on=today)
    announced_deadline = today - timedelta(days=1)
    violates(
        "pledgeyear_deadline_after_opening",
        PledgeYear.objects.create,
        school_year=2027,
        opens_on=today,
        announced_deadline=announced_deadline,
    )


def test_promise_type_organization_and_year_in_use_cannot_be_deleted():
    made = promise(pledge())
    for kept in (made.promise_type, made.pledge.organization, made.pledge.year):
        with pytest.raises(ProtectedError):
            kept.delete()


def test_deleting_a_contact_keeps_the_pledge():
    contact = organization().contacts.create(name="Alma", email="alma@example.org")
    made = pledge(organization=contact.organization, contact=contact)
    contact.delete()
    made.refresh_from_db()
    assert made.contact is None


# Subsets -------------------------------------------------------------------------------------------------------


def test_organization_is_listed_only_if_requested_and_approved():
    now = timezone.now()
    organization("Neither")
    organization("Wants", wants_listing=True)
    organization("Approved", approved_at=now, approved_by="anna")
    both = organization("Both", wants_listing=True, approved_at=now, approved_by="anna")
    assert list(Organization.objects.listed()) == [both]
    assert [o.name for o in Organization.objects.pending_approval()] == ["Wants"]
    assert [o.name for o in Organization.objects.all() if o.is_listed] == ["Both"]


def test_current_year_is_the_latest_open_one():
    today = timezone.localdate()
    assert PledgeYear.objects.current() is None
    PledgeYear.objects.create(school_year=2025, opens_on=today - timedelta(days=700))
    PledgeYear.objects.create(school_year=2026, opens_on=today)
    PledgeYear.objects.create(school_year=2027, opens_on=today + timedelta(days=1))
    assert str(PledgeYear.objects.current()) == "2026–27"
    PledgeYear.objects.filter(school_year=2026).update(closed_at=timezone.now())
    assert str(PledgeYear.objects.current()) == "2025–26"
    assert [year.is_open for year in PledgeYear.objects.all()] == [False, False, True]


def test_pledge_state_is_draft_signed_or_closed():
    draft = pledge()
    signed = pledge(organization=organization("B"), signed_at=timezone.now(), signed_by="Alma")
    assert [draft.state, signed.state] == ["draft", "signed"]
    assert [list(Pledge.objects.drafts()), list(Pledge.objects.signed())] == [[draft], [signed]]
    PledgeYear.objects.update(closed_at=timezone.now())
    assert {p.state for p in Pledge.objects.select_related("year")} == {"closed"}
    assert not Pledge.objects.drafts()


# Words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Port Gate Logistics, Inc.", "PORT GATE LOGISTICS"),
        ("Tule & Sons Hardware", "Tule and Sons  Hardware"),
        ("The Iglesia Luz del Valle", "Iglésia “Luz del Valle”"),
        ("St. Brigid’s Parish", "St Brigids Parish"),
        ("Đặng–Phúc Nguyễn Co., Ltd.", "Dang-Phuc Nguyen"),
    ],
)
def test_spellings_of_one_name_normalize_to_the_same_value(one, other):
    assert organization(one).normalized_name == organization(other).normalized_name != ""


def test_different_names_stay_distinct_in_every_script():
    names = ["Cold Storage", "Gold Storage", "Copper & Sons", "ក្រុមយុវជន", "ਗੁਰਦੁਆਰਾ", "The Company"]
    normalized = [organization(name).normalized_name for name in names]
    assert normalized == ["cold storage", "gold storage", "copper sons", "ក្រុមយុវជន", "ਗੁਰਦੁਆਰਾ", "the company"]


def test_typed_name_is_normalized_like_the_stored_one():
    here = organization("St. Brigid’s Parish, Inc.")
    typed = normalize_name(Value("st brigids parish"))
    assert Organization.objects.get(normalized_name=typed) == here


def test_normalized_name_follows_the_name():
    here = organization("Old Name")
    Organization.objects.update(name="New Name")
    here.refresh_from_db()
    assert here.normalized_name == "new name"


def test_eight_promise_types_exist_in_both_languages():
    promise_types = list(PromiseType.objects.active())
    codes = ["curriculum", "tours", "advisory", "teachers", "mentors", "presentations", "service", "internships"]
    assert [promise_type.code for promise_type in promise_types] == codes
    assert [promise_type.code for promise_type in promise_types if promise_type.needs_clearance] == [
        "mentors",
        "internships",
    ]
    for promise_type in promise_types:
        texts = [getattr(promise_type, f.name) for f in PromiseType._meta.fields if f.name.endswith("_es")]
        assert all(texts[:-1]), promise_type  # the last one describes the clearance
        assert promise_type.illustration == f"art/kind-{promise_type.code}.svg"
        assert bool(promise_type.localized_requirements) == promise_type.needs_clearance
    assert PromiseType(code="new").illustration == "art/mark.svg"


def test_promise_type_uses_the_active_language():
    mentors = PromiseType.objects.get(code="mentors")
    assert [mentors.localized_name, mentors.amount(1), mentors.amount(1200)] == [
        "Be mentors and role models",
        "1 student",
        "1,200 students",
    ]
    with translation.override("es"):
        assert [mentors.localized_name, mentors.amount(1), mentors.localized_units] == [
            "Ser mentores y ejemplos a seguir",
            "1 estudiante",
            "estudiantes",
        ]
        assert "huellas digitales" in mentors.localized_requirements
        mentors.name_es = ""
        assert mentors.localized_name == "Be mentors and role models"


def test_promise_type_migration_keeps_staff_changes_and_promised_types():
    migration = importlib.import_module("partners.migrations.0002_eight_promise_types")
    PromiseType.objects.filter(code="tours").update(name="Show us around")
    migration.add(apps, None)
    assert PromiseType.objects.count() == 8
    assert PromiseType.objects.get(code="tours").name == "Show us around"
    promise(pledge())
    migration.remove(apps, None)
    assert [promise_type.code for promise_type in PromiseType.objects.all()] == ["tours"]


def test_school_grades_match_its_level():
    grades = {level: School(level=level).grades for level in School.Level.values}
    assert grades == {
        "elementary": ["TK-K", "1-3", "4-6", "7-8"],
        "secondary": ["7-8", "9-12"],
        "high": ["9-12"],
    }


def test_the_seven_sectors():
    assert Sector.values == ["business", "college", "labor", "nonprofit", "faith", "families", "public"]
