"""`make pictures`: take the pictures of the README and the staff guide, of the demo's data on servers of its own."""

import io
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import django
from playwright.sync_api import Browser, Page, sync_playwright

from imagine.demo.servers import wait_until
from tests.browser import chromium
from tests.servers import prepare_environment

HERE = Path(__file__).parent
PASSWORD = "only for these pictures"  # noqa: S105  its account ends with the program
PATIENCE = 180  # seconds in which the worker has sent the demo's emails
ADMIN, SAVE = "/imagine/admin/", "[name=_save]"

MAX_RATE = 25  # emails per second, so that the mailing takes long enough to be seen
PAGES = [
    ("promises", "partners/promise/?state=signed", 760),
    ("coverage", "partners/promise/coverage/", 620),
    ("words", "mail/templateoverride/reminder_week/", 886),
]
DOUBTS = [("merge", 1430), ("match", 700), ("import", 1180), ("organization", 1190)]


def main() -> None:
    stop = prepare_environment()
    os.environ["DJANGO_SETTINGS_MODULE"] = "imagine.settings"
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's loop is in this thread, and never in a query
    django.setup()
    from tests.browser.site import Site  # needs the settings

    with tempfile.TemporaryDirectory(prefix="imagine-pictures-") as folder:
        fill()
        site = Site(Path(folder))
        try:
            site.start()
            certificate()
            photograph(site.address, public, party_of_three())
            photograph(site.address, office, what_happens() | doubts())
            photograph(site.address, inviting, who_is_invited())
        finally:
            site.stop()
            stop()


def fill() -> None:
    """Create the demo's data and a member of staff."""
    from django.core.management import call_command

    from imagine.demo.prepare import staff_account

    call_command("migrate", verbosity=0)
    call_command("catalogue", compile=True, verbosity=0)
    call_command("demo_data", verbosity=0)
    staff_account(PASSWORD)


def party_of_three() -> dict[str, str]:
    from summit.models import Event

    event = Event.objects.coming_summit()
    return {"own": event.rsvps.filter(held_seats=3, language="en").earliest("pk").get_absolute_url()}


def what_happens() -> dict[str, str]:
    """Fill the event: a skipped party, one that moves off the waitlist, and an email that bounced. Return the URLs of
    the pages that show it."""
    from imagine.mail.models import Message
    from summit import seats
    from summit.models import Event, Guest, Rsvp

    def come(name: str, size: int, *companions: str) -> Rsvp:
        address = name.lower().replace(" ", ".").translate(str.maketrans("íủễ", "iue"))
        rsvp = Rsvp(event=event, name=name, email=f"{address}@example.org")
        return seats.reserve(rsvp, size=size, guests=[Guest(name=one) for one in (name, *companions)])

    def mail_is_sent() -> bool:
        return not Message.objects.filter(state__in=["queued", "sending"], mailing__paused_at=None).exists()

    wait_until(mail_is_sent, PATIENCE)
    event = Event.objects.coming_summit()
    come("Dolores Vega", seats.available_seats(event))
    large, small, one = come("Renata Solís", 5, "Iván Solís"), come("Thủy Nguyễn", 2), come("Opal Jackson", 1)
    seats.cancel(event.rsvps.filter(held_seats=2).earliest("pk"))
    wait_until(mail_is_sent, PATIENCE)
    why = "550 5.1.1 no such mailbox"
    one.messages.update(state=Message.State.REJECTED, sent_at=None, last_error=why)
    moved_up = small.messages.get(kind="rsvp_promoted")
    return {
        "event": f"{ADMIN}summit/event/{event.pk}/change/",
        "rsvps": f"{ADMIN}summit/rsvp/?event__id__exact={event.pk}",
        "rsvp": f"{ADMIN}summit/rsvp/{large.pk}/change/",
        "message": f"{ADMIN}mail/message/{moved_up.pk}/change/",
    }


def doubts() -> dict[str, str]:
    """Create what staff decide about: a possible duplicate, names that guests typed, and a spreadsheet."""
    from django.db import transaction

    from partners.imports import workflow as import_workflow
    from partners.models import Pledge, PledgeYear
    from partners.organizations import duplicates, profiles
    from summit import seats
    from summit.models import Event, Guest, Rsvp

    pledge = Pledge.objects.signed().filter(organization__contacts__isnull=False).order_by("pk").first()
    kept = pledge.organization
    contact = kept.contacts.first()
    with transaction.atomic():
        other = profiles.create_organization(name=f"{kept.name}, Inc.", phone="(209) 555-0142", sector=kept.sector)
        profiles.get_or_add_contact(other, email=contact.email, name=contact.name, role="Treasurer")
        profiles.set_logo(profiles.lock_organization(kept.pk), logo())
    duplicates.scan_organizations(force=True)
    event = Event.objects.coming_summit()
    names = [kept.name.replace("a", "e", 1), kept.name.upper(), "Delta Tule Weavers"]
    for number, name in enumerate(names):
        guest = {"name": ("Ana Ruiz", "Ben Ochoa", "Chue Vang")[number], "email": f"guest-{number}@example.org"}
        seats.reserve(Rsvp(event=event, organization_name=name, **guest), size=1, guests=[Guest(name=guest["name"])])
    year = PledgeYear.objects.earliest("school_year")
    sent = {"file_name": "partners last year.csv", "year": year, "by": "staff", "language": "en"}
    run = import_workflow.start_import(last_years_partners(kept.name, names[0]), **sent)
    return {
        "merge": f"{ADMIN}partners/duplicatecandidate/{kept.pk}/{other.pk}/",
        "match": f"{ADMIN}summit/rsvp/match/",
        "import": f"{ADMIN}partners/import/{run.pk}/change/",
        "organization": f"{ADMIN}partners/organization/{kept.pk}/change/",
    }


def last_years_partners(known: str, similar: str) -> bytes:
    """Return a spreadsheet with names that need an answer, and two rows with errors."""
    from tests.partners.import_files import as_csv, row, table

    rows = [
        row(organization="Tule Boat Works", e_mail="ana@boats.example", quantity="12"),
        row(organization="Tule Boat Work", e_mail="ben@boats.example", kind="Be mentors and role models", quantity="4"),
        row(organization=known, e_mail="office@example.org", quantity="9"),
        row(organization=similar, e_mail="chue@example.org", quantity="3"),
        row(organization="Mossdale Print Shop", e_mail="dee@print.example", quantity="a few"),
        row(organization="Rough & Ready Radio", e_mail="eva@radio.example", kind="Cake", quantity="2"),
    ]
    return as_csv(table(rows))


def logo() -> bytes:
    """Return a picture of a sun over a field."""
    from PIL import Image, ImageDraw

    file, picture = io.BytesIO(), Image.new("RGB", (320, 120), "#e6f1ef")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((110, 25, 210, 125), fill="#f2b03d")
    draw.rectangle((0, 80, 320, 120), fill="#0e4a5a")
    picture.save(file, "PNG")
    return file.getvalue()


def certificate() -> None:
    """Draw a certificate with the program itself."""
    from django.utils import translation

    from partners import certificates
    from partners.models import Signature

    signature = Signature.objects.filter(content__promises__2__isnull=False).earliest("pk")
    with translation.override("en"):
        content = json.dumps(certificates.certificate_content(signature, "en"), ensure_ascii=False)
    page = certificates.compiler().compile(format="png", ppi=96, sys_inputs={"data": content})
    (HERE / "certificate").with_suffix(".png").write_bytes(page)
    print("docs/certificate.png")


def who_is_invited() -> dict[str, str]:
    """Invite everyone who came to the last summit to the breakfast that partners are being invited to."""
    from imagine.demo.data.gatherings import BREAKFAST
    from summit.models import Audience, Event

    event = Event.objects.get(title=BREAKFAST["title"])
    last = Event.objects.past().filter(kind=Event.Kind.SUMMIT).first()
    guests = Audience.objects.create(name="Guests of the last summit", attended_event=last)
    return {"invite": f"{ADMIN}summit/event/{event.pk}/invite/{guests.pk}/"}


def photograph(address: str, take: Callable[[Browser, str, dict[str, str]], None], pages: dict[str, str]) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find_chromium())
        take(browser, address, pages)
        browser.close()


def public(browser: Browser, address: str, pages: dict[str, str]) -> None:
    keep(opened(browser, address, "/imagine/", width=390, height=844, scale=1.5), "landing-phone")
    keep(opened(browser, address, pages["own"], width=1180, height=1000), "rsvp-desk")
    keep(opened(browser, address, "/imagine/partners/", width=1180, height=1150), "directory")


def signed_in(browser: Browser, address: str) -> Page:
    from django.contrib.auth.models import User

    from tests.browser.staff import fill_in_sign_in_form

    staff = User.objects.get(username="staff")
    staff.totpdevice_set.all().delete()  # its code was used a moment ago
    page = opened(browser, address, ADMIN, width=1280, height=900)
    fill_in_sign_in_form(page, staff)
    return page


def inviting(browser: Browser, address: str, pages: dict[str, str]) -> None:
    """Type the number, and show the mailing in progress."""
    from imagine.mail.bulk import send_rate
    from imagine.mail.models import Mailing, Message

    send_rate.set_send_rate(MAX_RATE)
    page = signed_in(browser, address)
    page.goto(pages["invite"])
    keep(page, "guide-invite", height=900)
    number = page.locator(".admin-stats dd").first.inner_text()
    page.fill("[name=number]", number)
    page.click(".admin-confirm button")
    mailing = Mailing.objects.latest("pk")
    wait_until(lambda: mailing.messages.filter(state=Message.State.SENT).count() > int(number) / 2, PATIENCE)
    some = list(
        mailing.messages.filter(state=Message.State.SENT).order_by("recipient").values_list("pk", flat=True)[:2]
    )
    refused = {"state": Message.State.REJECTED, "sent_at": None, "last_error": "550 5.1.1 no such mailbox"}
    Message.objects.filter(pk__in=some).update(**refused)
    page.reload()
    keep(page, "guide-mailing", height=720)


def office(browser: Browser, address: str, pages: dict[str, str]) -> None:
    page = signed_in(browser, address)
    keep(page, "guide-start", height=845)
    for name, height in (("event", 900), ("rsvps", 640), ("message", 900)):
        page.goto(pages[name])
        keep(page, f"guide-{name}", height=height)
    for name, path, height in PAGES:
        page.goto(ADMIN + path)
        keep(page, f"guide-{name}", height=height)
    for name, height in DOUBTS:
        page.set_viewport_size({"width": 1280, "height": height})
        page.goto(pages[name])
        keep(page, f"guide-{name}")
    page.set_viewport_size({"width": 1280, "height": 900})
    keep(moving(page, pages["event"]), "guide-move", height=620)
    keep(two_editors(page, pages["rsvp"]), "guide-two", height=560)


def moving(page: Page, event: str) -> Page:
    """Open the question before an event moves, and leave it unanswered."""
    page.goto(event)
    page.get_by_role("link", name="Reschedule").click()
    page.fill("#id_venue", "Weber Point Events Center")
    page.get_by_role("button", name="Review emails").click()
    return page


def two_editors(page: Page, rsvp: str) -> Page:
    """Open a page that a colleague saves first."""
    colleague = page.context.new_page()
    for each in (page, colleague):
        each.goto(rsvp)
    colleague.fill("#id_size", "4")
    colleague.fill("#id_phone", "(209) 555-0101")
    colleague.click(SAVE)
    colleague.close()
    page.fill("#id_phone", "(209) 555-0111")
    page.fill("#id_guests-1-dietary_needs", "vegan")
    page.click(SAVE)
    return page


def opened(browser: Browser, address: str, path: str, *, width: int, height: int, scale: float = 1) -> Page:
    size = {"width": width, "height": height}
    zone = "America/Los_Angeles"  # the admin says when a browser's clock is another
    context = browser.new_context(base_url=address, viewport=size, device_scale_factor=scale, timezone_id=zone)
    page = context.new_page()
    page.goto(path)
    return page


def keep(page: Page, name: str, *, height: int | None = None) -> None:
    size = page.viewport_size
    clip = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"]}
    page.screenshot(path=HERE / f"{name}.png", clip=clip)
    print(f"docs/{name}.png")


if __name__ == "__main__":
    main()
