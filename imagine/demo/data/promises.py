"""The demo's partners: last school year's pledges, signed and closed, and this year's, open and growing.

Everything is created through the rules for pledges, then backdated.
"""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from imagine.core.models import AuditEntry
from imagine.demo.data.names import People
from imagine.demo.data.organizations import ABOUT, AMOUNTS, DUPLICATES, LEANINGS, NOTES, ORGANIZATIONS, ROLES, STREETS
from imagine.mail.models import Message
from partners import schools
from partners.models import MONTHS, Contact, Grade, Organization, Pledge, PledgeRequest, PledgeYear, PromiseType, School
from partners.organizations import profiles
from partners.pledges import editing as pledge_editing
from partners.pledges import page_state
from partners.pledges.promises import PromiseData
from summit.models import Rsvp

ZONE = ZoneInfo(settings.TIME_ZONE)
SEED = 2020
RENEW, BEGIN = 22, 9  # how many of last year's partners have renewed by now, how many are new


def fill_promises(school_year: int) -> None:
    """Fill in schools and partners. `school_year` is the one that the coming summit recruits for."""
    rows = schools.read_schools(schools.DEFAULT_FILE.read_bytes())
    schools.load_schools(rows, schools.compare_schools(rows))
    demo = Promises(People(SEED))
    demo.fill_last_year(school_year - 1)
    demo.fill_this_year(school_year)
    demo.approve()


class Promises:
    """Invent pledges from one seeded generator."""

    def __init__(self, people: People):
        self.people, self.dice = people, people.dice
        self.promise_types = {promise_type.code: promise_type for promise_type in PromiseType.objects.all()}
        self.schools = list(School.objects.order_by("code"))
        self.asked = self.dice.sample(self.schools, 40)  # the rest have none, for coverage to show
        self.guests = {
            rsvp.organization_name: rsvp
            for rsvp in Rsvp.objects.exclude(organization_name="").order_by("-pk")
            if rsvp.sector
        }

    def fill_last_year(self, school_year: int) -> None:
        year = PledgeYear.objects.create(school_year=school_year, opens_on=timezone.localdate() - timedelta(days=1))
        partners = self.dice.sample(ORGANIZATIONS, len(ORGANIZATIONS) - BEGIN)
        for number, (name, sector) in enumerate(partners):
            self.begin(name, sector, sign=number % 16 != 5)
        Message.objects.filter(content_type__app_label="partners").delete()  # this program was not there then
        AuditEntry.objects.filter(content_type__app_label="partners").exclude(content_type__model="pledgeyear").delete()
        PledgeYear.objects.filter(pk=year.pk).update(
            opens_on=date(school_year, 3, 1),
            announced_deadline=date(school_year, 9, 30),
            closed_at=datetime.combine(date(school_year, 10, 7), time(9), ZONE),
        )
        self.backdate(year.pledges.all(), date(school_year, 4, 1), date(school_year, 9, 28))

    def fill_this_year(self, school_year: int) -> None:
        today = timezone.localdate()
        year = PledgeYear.objects.create(
            school_year=school_year, opens_on=today - timedelta(days=45), announced_deadline=date(school_year, 9, 30)
        )
        last_year = list(Pledge.objects.signed().filter(year=school_year - 1).order_by("pk"))
        for pledge in self.dice.sample(last_year, RENEW):
            self.renew(pledge)
        existing = set(Organization.objects.values_list("name", flat=True))
        newcomers = [one for one in ORGANIZATIONS if one[0] not in existing]
        for number, (name, sector) in enumerate([*newcomers, *DUPLICATES]):
            self.begin(name, sector, sign=number % 3 != 2)
        self.backdate(year.pledges.all(), today - timedelta(days=40), today)

    def begin(self, name: str, sector: str, *, sign: bool) -> Pledge:
        """Start a pledge for an organization, by a guest of the summit if one came from there."""
        guest = self.guests.pop(name, None)
        person, email = (guest.name, guest.email) if guest else self.people.contact()
        language = guest.language if guest else self.dice.choice(["en", "en", "en", "es"])
        start = PledgeRequest.objects.create(
            organization=name, sector=sector, name=person, email=email, language=language, answered_at=timezone.now()
        )
        [slug] = profiles.slug_candidates(name, [""])
        profile = {
            "description": self.dice.choice(ABOUT[sector]),
            "website": f"https://{slug}.example.org" if self.dice.random() < 0.7 else "",
            "phone": f"(209) 555-01{self.dice.randrange(100):02}",
            "address": f"{self.dice.randrange(100, 3900)} {self.dice.choice(STREETS)}, Stockton",
            "size": self.dice.choice(Organization.Size.values),
            "wants_listing": self.dice.random() < 0.85,
        }
        return self.send(start.token, profile, self.checklist(sector), sign=sign)

    def renew(self, pledge: Pledge) -> Pledge:
        """Last year's promises again, some larger, some dropped, now and then a new one."""
        kept = [one for one in page_state.load_page_state(pledge.token).promises if self.dice.random() < 0.9]
        changed = [self.changed(one) for one in kept] or self.checklist(pledge.organization.sector)
        return self.send(pledge.token, {}, changed, sign=self.dice.random() < 0.9)

    def send(self, token: str, profile: dict, promised: list[PromiseData], *, sign: bool) -> Pledge:
        """Submit the pledge page behind a link."""
        state = page_state.load_page_state(token)
        role = state.contact["role"] or self.dice.choice(ROLES)
        page = {
            "version": state.version,
            "profile": state.profile | profile,
            "contact": state.contact | {"role": role},
            "promised": promised,
        }
        if sign:
            return pledge_editing.sign_pledge(token, **page, name=state.contact["name"], role=role)
        return pledge_editing.save_draft(token, **page)

    def checklist(self, sector: str) -> list[PromiseData]:
        codes = LEANINGS[sector]
        several = min(len(codes), self.dice.choice([1, 2, 2, 3, 3, 4]))
        chosen = set(codes[:1] if self.dice.random() < 0.6 else []) | set(self.dice.sample(codes, several))
        return [self.promise(code) for code in AMOUNTS if code in chosen]

    def promise(self, code: str) -> PromiseData:
        dice = self.dice
        places = dice.sample(self.asked, dice.choice([1, 1, 2, 3])) if dice.random() < 0.6 else []
        taught = [grade for grade in Grade.values if not places or all(grade in place.grades for place in places)]
        if places and not taught:  # an elementary and a high school share no grade: keep the first
            places, taught = places[:1], places[0].grades
        start = dice.randrange(len(MONTHS) - 2)
        return PromiseData(
            self.promise_types[code].pk,
            dice.randint(*AMOUNTS[code]),
            grades=tuple(dice.sample(taught, min(len(taught), dice.choice([1, 2, 2, 3])))),
            months=tuple(MONTHS[start : start + dice.choice([1, 2, 3, 6])]),
            schools=tuple(place.pk for place in places),
            note=self.people.maybe(NOTES, 0.15),
        )

    def changed(self, promised: PromiseData) -> PromiseData:
        quantity = max(1, promised.quantity + self.dice.choice([0, 0, 0, 1, 2, 4, -1]))
        return PromiseData(
            promised.promise_type, quantity, promised.grades, promised.months, promised.schools, promised.note
        )

    def backdate(self, made: Iterable[Pledge], since: date, until: date) -> None:
        """Spread the pledges over the days between, in the order they were made."""
        made = sorted(made, key=lambda pledge: pledge.pk)
        begin = datetime.combine(since, time(8), ZONE)
        seconds = (min(datetime.combine(until, time(18), ZONE), timezone.now()) - begin).total_seconds()
        moments = sorted(begin + timedelta(seconds=self.dice.uniform(0, seconds)) for _pledge in made)
        for pledge, moment in zip(made, moments, strict=True):
            pledge.created_at = pledge.changed_at = moment
            pledge.signed_at = moment if pledge.signed_at else None
            pledge.signatures.update(signed_at=moment)
            Organization.objects.filter(pk=pledge.organization_id, created_at__gt=moment).update(created_at=moment)
            Contact.objects.filter(pk=pledge.contact_id, created_at__gt=moment).update(created_at=moment)
        Pledge.objects.bulk_update(made, ["created_at", "changed_at", "signed_at"])

    def approve(self) -> None:
        """Approve most of the partners that asked to be listed, and add a second contact here and there."""
        for organization in Organization.objects.pending_approval().order_by("pk"):
            if self.dice.random() < 0.85 and organization.name not in dict(DUPLICATES):
                profiles.approve_listing(organization, by="staff")
            if self.dice.random() < 0.25:
                name, email = self.people.contact()
                profiles.get_or_add_contact(organization, email=email, name=name, role=self.dice.choice(ROLES))
