"""What the demo's office has done, and what waits for it: profiles, logos, possible duplicates, a spreadsheet with
errors, and a list of people to win as partners."""

import io
from datetime import timedelta

from PIL import Image, ImageDraw

from imagine.core import audit
from imagine.core.models import AuditEntry
from imagine.demo.data.clock import as_of
from imagine.demo.data.dates import StoryDates, at
from imagine.demo.data.names import People
from imagine.demo.data.organizations import DUPLICATES, GUESTS_ONLY, ROLES
from imagine.mail import retention as mail_retention
from partners.imports import workflow as import_workflow
from partners.models import Contact, Import, Organization, PledgeYear
from partners.organizations import duplicates, profiles
from summit import retention as summit_retention
from summit.models import Audience

STAFF = audit.Actor(AuditEntry.ActorKind.STAFF, "staff")
WAITING_PROFILES = 5  # the newest ones, for staff to approve
SECOND_CONTACTS = 0.2
AUDIENCE = "Guests of the summit without a pledge"
FILE_NAME = "Chamber breakfast sign-ups.csv"
LOGOS = {  # background, sun, ground
    "Slough House Bakery": ("#fbf1dc", "#d98a2b", "#7a4a1e"),
    "Port Gate Logistics": ("#e6f1ef", "#f2b03d", "#0e4a5a"),
    "Khmer Youth Arts": ("#f7e9f0", "#c0392b", "#4a235a"),
}
SPREADSHEET = """\
Organization,Sector,Contact,Email,Promise type,Quantity,Grades,Months,Note
Delta Sail and Canvas,Business and industry,Nuno Silveira,nuno.silveira@example.org,Host tours and field trips,2,4–6,\
Oct,We sew a sail while you watch.
Tuleburg Theatre,Nonprofit,June Carver,june.carver@example.org,Host class presentations,4,7–8,"Feb, Mar",
Miracle Mile Optical,Business and industry,Tala Ocampo,tala.ocampo@example.org,\
"Provide job shadowing, internships, and apprenticeships",some,9–12,Apr,
Harding Way Florist,Business and industry,Opal Hollis,opal.hollis@example.org,Flowers for graduation,1,,May,
Rough & Ready Radio,Business and industry,Eva Quiroz,eva.quiroz@example,Host class presentations,3,9–12,Nov,
"""


def approve_profiles(people: People, dates: StoryDates) -> None:
    """Approve those that asked to be listed, some with a logo, but the newest. Add a second contact here and there."""
    pending = Organization.objects.pending_approval().exclude(name__in=dict(DUPLICATES))
    organizations = list(pending.order_by("created_at", "pk"))
    with as_of(at(dates.today - timedelta(days=1), 11)), audit.as_actor(STAFF):
        for organization in organizations[:-WAITING_PROFILES]:
            if colors := LOGOS.get(organization.name):
                profiles.set_logo(profiles.lock_organization(organization.pk), draw_logo(*colors))
            profiles.approve_listing(organization, by=STAFF.name)
            if people.dice.random() < SECOND_CONTACTS:
                person = people.person()
                profiles.get_or_add_contact(organization, **person._asdict(), role=people.dice.choice(ROLES))


def draw_logo(background: str, sun: str, ground: str) -> bytes:
    """Return a picture of a sun over a field, or over the water."""
    file, picture = io.BytesIO(), Image.new("RGB", (480, 240), background)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((160, 50, 320, 210), fill=sun)
    draw.rectangle((0, 150, 480, 240), fill=ground)
    picture.save(file, "PNG")
    return file.getvalue()


def create_audience(dates: StoryDates) -> Audience:
    """Create the audience of those who came to the summit from organizations that haven't promised anything."""
    without = Contact.objects.filter(organization__name__in=dict(GUESTS_ONLY), organization__pledges__isnull=True)
    with as_of(at(dates.today - timedelta(days=1), 14)):
        audience = Audience.objects.create(name=AUDIENCE)
        audience.uploaded_contacts.set(without.order_by("pk"))
    return audience


def upload_spreadsheet(dates: StoryDates) -> None:
    """Upload a list with rows to import, a name that may be a known one, and rows with errors."""
    year = PledgeYear.objects.get(pk=dates.this_year)
    uploaded_at = at(dates.today - timedelta(days=1), 16)
    with as_of(uploaded_at):
        run = import_workflow.start_import(
            SPREADSHEET.encode(), file_name=FILE_NAME, year=year, by=STAFF.name, language="en"
        )
    Import.objects.filter(pk=run.pk).update(created_at=uploaded_at, last_step_at=uploaded_at)


def find_duplicates(dates: StoryDates) -> None:
    with as_of(dates.now - timedelta(minutes=8)):
        duplicates.scan_organizations(force=True)


def delete_old_data() -> None:
    """Delete what would have been deleted by now, so that the first night changes nothing."""
    for rule in (
        mail_retention.clear_content,
        summit_retention.clear_needs,
        summit_retention.clear_notes,
        summit_retention.clear_decline_messages,
    ):
        while rule():
            pass
