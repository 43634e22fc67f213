"""Partners and pledges for tests, made through the rules themselves. Say only what the test is about."""

import struct
import zlib
from datetime import timedelta

from django.utils import timezone

from partners.models import Contact, Organization, Pledge, PledgeRequest, PledgeYear, PromiseType, School
from partners.organizations import profiles
from partners.pledges import editing as pledge_editing
from partners.pledges import page_state
from partners.pledges import signup as pledge_signup
from partners.pledges import years as pledge_years
from partners.pledges.promises import Promised

NAME, EMAIL = "Port Gate Logistics", "alma@example.org"


def year(school_year: int = 2027, **fields) -> PledgeYear:
    """A school year that is pledged for, opened yesterday."""
    defaults = {"opens_on": timezone.localdate() - timedelta(days=1)}
    return PledgeYear.objects.get_or_create(school_year=school_year, defaults=defaults | fields)[0]


def school(name: str = "Cesar Chavez High", level: str = "high", **fields) -> School:
    code = f"{39686760000000 + School.objects.count()}"
    return School.objects.create(**({"code": code, "name": name, "level": level} | fields))


def promised(code: str = "tours", quantity: int = 6, *, schools: tuple[School, ...] = (), **fields) -> Promised:
    promise_type = PromiseType.objects.get(code=code)
    return Promised(promise_type.pk, quantity, schools=tuple(school.pk for school in schools), **fields)


def organization(name: str = NAME, **fields) -> Organization:
    return profiles.create(name=name, **fields)


def contact(of: Organization, email: str = EMAIL, name: str = "Alma Reyes", **fields) -> Contact:
    return profiles.add_contact(of, email=email, name=name, **fields)


def unsaved_start(organization: str = NAME, email: str = EMAIL, name: str = "Alma Reyes", **fields) -> PledgeRequest:
    return PledgeRequest(organization=organization, email=email, name=name, **fields)


def start(organization: str = NAME, email: str = EMAIL, **fields) -> PledgeRequest:
    """Somebody began, and the link was mailed."""
    year()
    begun = unsaved_start(organization, email, **fields)
    pledge_signup.begin(begun)
    pledge_signup.answer(begun.pk)
    return PledgeRequest.objects.get(pk=begun.pk)


def page(token: str, *promises: Promised, **changed) -> dict:
    """What a browser sends that opened the page of a link, ticked `promises` and changed fields of the profile; without
    promises it leaves them as they are."""
    sheet = page_state.find(token)
    return {
        "version": sheet.version,
        "profile": sheet.profile | changed,
        "contact": sheet.contact,
        "promised": list(promises) or sheet.promises,
    }


def draft(organization: str = NAME, email: str = EMAIL, promises: tuple[Promised, ...] = (), **fields) -> Pledge:
    """A pledge that was begun by mail and saved, unsigned."""
    token = start(organization, email, **fields).token
    return pledge_editing.save(token, **page(token, *(promises or [promised()])))


def signed(organization: str = NAME, email: str = EMAIL, promises: tuple[Promised, ...] = (), **fields) -> Pledge:
    """A pledge that was begun by mail and signed."""
    token = start(organization, email, **fields).token
    return pledge_editing.sign(token, **page(token, *(promises or [promised()])), name="Alma Reyes", role="Owner")


def signed_before(organization: str = NAME, email: str = EMAIL, promises: tuple[Promised, ...] = ()) -> Pledge:
    """One for the year before, which is over."""
    later, before = year(), year(2026)
    PledgeYear.objects.filter(pk=later.pk).update(closed_at=timezone.now())
    pledge = signed(organization, email, promises)
    PledgeYear.objects.filter(pk=later.pk).update(closed_at=None)
    closed(before)
    return pledge


def closed(year: PledgeYear | int = 2027) -> PledgeYear:
    year = year if isinstance(year, PledgeYear) else PledgeYear.objects.get(pk=year)
    return pledge_years.close_year(year)


def days_later(pledge: Pledge, days: int) -> None:
    """As if nobody had touched the pledge for so long."""
    Pledge.objects.filter(pk=pledge.pk).update(changed_at=timezone.now() - timedelta(days=days))


def partner(organization: str = NAME, *promises: Promised, **profile) -> Organization:
    """Somebody whom everybody may see: signed, and approved by staff. Its address is its own."""
    email = f"{organization.lower().replace(' ', '.')}@example.org"
    token = start(organization, email).token
    typed = page(token, *(promises or [promised()]), **({"wants_listing": True, "sector": "business"} | profile))
    pledge = pledge_editing.sign(token, **typed, name="Alma Reyes", role="Owner")
    return profiles.approve(pledge.organization, by="staff")


def renewed(of: Organization, school_year: int, *promises: Promised) -> Pledge:
    """The partner's pledge for a later school year, which is opened for it."""
    year(school_year)
    token = of.pledges.order_by("-year_id").first().token
    return pledge_editing.sign(token, **page(token, *promises), name="Alma Reyes")


def png(width: int = 400, height: int = 300) -> bytes:
    """A grey picture of this size."""

    def chunk(chunk_type: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + chunk_type + data + struct.pack(">I", zlib.crc32(chunk_type + data))

    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
