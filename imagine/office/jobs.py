"""The lists and pages of the admin, grouped by the job they belong to, for the start page.

A list that no job names is low-level: only superusers find it, below the others.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.contrib.auth.models import AbstractUser, User
from django.db.models import Model
from django.urls import reverse
from django.utils.functional import Promise as LazyText
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from imagine.core.models import SecurityEvent
from imagine.mail.models import EmailPreference, Mailing, Message, TemplateOverride
from imagine.privacy.models import Erasure, Hold
from partners.models import (
    Contact,
    DuplicateCandidate,
    Import,
    LearnedWord,
    Organization,
    Pledge,
    PledgeYear,
    Promise,
    PromiseType,
    School,
)
from summit.models import Audience, Event, Invitation, Rsvp, StaffEmail

Text = str | LazyText


@dataclass(frozen=True)
class Page:
    """A page that isn't the list of a model."""

    url_name: str
    permission: str
    name: Text


@dataclass(frozen=True)
class Job:
    code: str
    name: Text
    places: tuple[tuple[type[Model] | Page, Text], ...]


@dataclass(frozen=True)
class Link:
    name: Text
    url: str
    explanation: Text = ""
    add_url: str = ""


@dataclass(frozen=True)
class JobLinks:
    code: str
    name: Text
    links: list[Link]


JOBS = [
    Job(
        "events",
        _("Events"),
        (
            (Event, _("Summits, kickoffs, and gatherings, with their seats and automatic emails.")),
            (Rsvp, _("Who’s coming, with their guests and seats.")),
            (Invitation, _("Invited people and their answers.")),
            (Audience, _("Saved lists of people to invite.")),
            (
                Page("admin:summit_to_match", "summit.view_rsvp", _("Match organizations")),
                _("Organization names from RSVPs that aren’t matched to a record yet."),
            ),
        ),
    ),
    Job(
        "partners",
        _("Partners"),
        (
            (Organization, _("Partners and possible partners, with their profiles for the directory.")),
            (Contact, _("The people we email at each organization.")),
            (Pledge, _("Each partner’s promises for a school year, as drafts or signed.")),
            (Promise, _("All promises, one by one, with schools and grades.")),
            (
                Page("admin:partners_coverage", "partners.view_promise", _("Coverage")),
                _("Which schools have which promises, and which have none."),
            ),
            (DuplicateCandidate, _("Organizations that may be on file twice.")),
            (Import, _("Spreadsheets of partners and their promises.")),
        ),
    ),
    Job(
        "email",
        pgettext_lazy("job", "Email"),
        (
            (StaffEmail, _("Messages in your own words to the guests of an event, and drafts of them.")),
            (Mailing, _("Emails to many people: how far along they are, and what bounced.")),
            (Message, _("Every email we’ve sent, and what happened to it.")),
            (TemplateOverride, _("The wording of our emails in English and Spanish.")),
            (EmailPreference, _("Which emails a person gets, and whose address bounces.")),
        ),
    ),
    Job(
        "setup",
        _("Setup"),
        (
            (PledgeYear, _("The years that partners make promises for.")),
            (PromiseType, _("The ways to help that partners choose from.")),
            (School, _("The schools that partners can choose.")),
            (LearnedWord, _("What headings and nicknames in your spreadsheets mean.")),
            (User, _("Who can sign in here, and their roles.")),
            (
                Page("admin:privacy_find", "privacy.see_person", _("Find a person")),
                _("Everything we keep about someone, and how to erase it."),
            ),
            (Hold, _("Records we have to keep, such as for a public records request.")),
            (Erasure, _("Whose data was erased, and when.")),
            (SecurityEvent, _("Sign-ins, exports, and important changes.")),
        ),
    ),
]


def job_groups(user: AbstractUser, app_list: Iterable[dict]) -> list[JobLinks]:
    """Return the links that a user may open, by job. `app_list` is Django's list of the models that they may see."""
    lists = {entry["model"]: entry for app in app_list for entry in app["models"]}
    groups = [JobLinks(job.code, job.name, list(job_links(job, user, lists))) for job in JOBS]
    if user.is_superuser:
        named = {place for job in JOBS for place, _explanation in job.places}
        rest = [list_link(entry) for model, entry in lists.items() if model not in named]
        groups.append(JobLinks("more", _("Other records"), rest))
    return [group for group in groups if group.links]


def job_links(job: Job, user: AbstractUser, lists: dict[type[Model], dict]) -> Iterator[Link]:
    for place, explanation in job.places:
        if isinstance(place, Page):
            if user.has_perm(place.permission):
                yield Link(place.name, reverse(place.url_name), explanation)
        elif place in lists:
            yield list_link(lists[place], explanation)


def list_link(entry: dict, explanation: Text = "") -> Link:
    return Link(capfirst(entry["name"]), entry["admin_url"] or "", explanation, entry["add_url"] or "")
