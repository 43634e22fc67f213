"""The demo's partners: last school year's pledges, signed and closed, and this year's, renewed, new or lapsed.

Everything is done by the rules for pledges, at the time of the story.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

from django.utils import timezone

from imagine.demo.data.clock import as_of
from imagine.demo.data.dates import ZONE, StoryDates, at, moments
from imagine.demo.data.names import People
from imagine.demo.data.organizations import (
    ABOUT,
    ABOUT_BY_HAND,
    AMOUNTS,
    BY_HAND,
    DUPLICATES,
    GRADES,
    LEANINGS,
    NOTES,
    ORGANIZATIONS,
    ROLES,
    ROLES_OF_SECTOR,
    STREETS,
)
from partners import schools
from partners.models import MONTHS, Organization, Pledge, PledgeRequest, PledgeYear, PromiseType, School
from partners.organizations import profiles
from partners.pledges import editing as pledge_editing
from partners.pledges import page_state, years
from partners.pledges.promises import PromiseData

LAPSED, NEW = 13, 9  # partners of last year who won't come back, and partners who are new this year
SIGNING_DAYS = timedelta(days=150)  # from the summit to the fall, in which partners sign
DRAFTS = {"last": 16, "this": 7}  # one pledge of so many is never signed


def load_real_schools() -> None:
    rows = schools.read_schools(schools.DEFAULT_FILE.read_bytes())
    schools.load_schools(rows, schools.compare_schools(rows))


def signing_moments(people: People, number: int, summit: date, until: datetime) -> list[datetime]:
    """Return when partners sign: half of them before they leave the summit, the others until fall. Those after `until`
    are left out."""
    signed_there = moments(people.dice, number // 2, at(summit, 10, 40), at(summit, 13))
    later = moments(people.dice, number - number // 2, at(summit, 13), at(summit + SIGNING_DAYS, 17))
    return [moment for moment in (*signed_there, *later) if moment < until]


class Promises:
    """Invent pledges from one seeded generator."""

    def __init__(self, people: People, dates: StoryDates):
        self.people, self.dice, self.dates = people, people.dice, dates
        self.promise_types = {promise_type.code: promise_type for promise_type in PromiseType.objects.all()}
        self.schools = {school.name: school for school in School.objects.order_by("code")}
        self.asked = self.dice.sample(list(self.schools.values()), 34)  # the rest have none, for coverage to show
        newcomers = {
            name for name, _sector in self.dice.sample([one for one in ORGANIZATIONS if one[0] not in BY_HAND], NEW)
        }
        self.newcomers = [one for one in ORGANIZATIONS if one[0] in newcomers]
        self.partners = [one for one in ORGANIZATIONS if one[0] not in newcomers]

    def fill_last_year(self) -> None:
        year, deadline = self.dates.last_year, date(self.dates.last_year, 9, 30)
        opens_on = self.dates.previous_summit
        with as_of(at(opens_on, 8)):
            opened = PledgeYear.objects.create(school_year=year, opens_on=opens_on, announced_deadline=deadline)
        partners = self.dice.sample(self.partners, len(self.partners))
        signed = signing_moments(self.people, len(partners), opens_on, at(deadline, 17))
        for number, ((name, sector), moment) in enumerate(zip(partners, signed, strict=True)):
            with as_of(moment):
                self.begin(name, sector, sign=name in BY_HAND or number % DRAFTS["last"] != 5)
        with as_of(at(deadline + timedelta(days=7), 9)):
            years.close_year(opened)

    def fill_this_year(self) -> None:
        """Everyone's promises since the summit, until now."""
        dates = self.dates
        deadline = date(dates.this_year + 1, 5, 28)
        with as_of(at(dates.past_summit, 7)):
            PledgeYear.objects.create(
                school_year=dates.this_year, opens_on=dates.past_summit, announced_deadline=deadline
            )
        signers = [*self.renewals(), *((None, *one) for one in [*self.newcomers, *DUPLICATES])]
        self.dice.shuffle(signers)
        signers.sort(key=lambda signer: signer[1] not in BY_HAND)
        signed = signing_moments(self.people, len(signers), dates.past_summit, dates.now - timedelta(hours=2))
        drafts = set(
            self.dice.sample([one for one in signers if one[1] not in BY_HAND], len(signers) // DRAFTS["this"])
        )
        for signer, moment in zip(signers, signed, strict=False):
            pledge, name, sector = signer
            with as_of(moment):
                if pledge:
                    self.renew(pledge, sign=signer not in drafts)
                else:
                    self.begin(name, sector, sign=signer not in drafts)

    def renewals(self) -> Iterator[tuple[Pledge, str, str]]:
        """Yield last year's signed pledges whose organizations come back, with name and sector."""
        signed = Pledge.objects.signed().filter(year=self.dates.last_year).select_related("organization").order_by("pk")
        may_lapse = [pledge for pledge in signed if pledge.organization.name not in BY_HAND]
        lapsed = set(self.dice.sample(may_lapse, LAPSED))
        for pledge in signed:
            if pledge not in lapsed:
                yield pledge, pledge.organization.name, pledge.organization.sector

    def begin(self, name: str, sector: str, *, sign: bool) -> Pledge:
        """Start a pledge for an organization."""
        person = self.people.speaker(name)
        now = timezone.now()
        start = PledgeRequest.objects.create(
            organization=name, sector=sector, **person._asdict(), answered_at=now, created_at=now
        )
        [slug] = profiles.slug_candidates(name, [""])
        profile = {
            "description": ABOUT_BY_HAND.get(name) or self.dice.choice(ABOUT[sector]),
            "website": f"https://{slug}.example.org" if self.dice.random() < 0.7 else "",
            "phone": f"(209) 555-01{self.dice.randrange(100):02}",
            "address": f"{self.dice.randrange(100, 3900)} {self.dice.choice(STREETS)}, Stockton",
            "size": self.dice.choice(Organization.Size.values),
            "wants_listing": name in BY_HAND or self.dice.random() < 0.85,
        }
        promised = self.written_by_hand(name) or self.checklist(sector)
        return self.send(start.token, profile, promised, sector, sign=sign)

    def renew(self, pledge: Pledge, *, sign: bool) -> Pledge:
        """Last year's promises again, some larger, some dropped, now and then a new one."""
        name, sector = pledge.organization.name, pledge.organization.sector
        kept = [one for one in page_state.load_page_state(pledge.token).promises if self.dice.random() < 0.9]
        promised = self.written_by_hand(name) or [self.changed(one) for one in kept] or self.checklist(sector)
        return self.send(pledge.token, {}, promised, sector, sign=sign)

    def send(self, token: str, profile: dict, promised: list[PromiseData], sector: str, *, sign: bool) -> Pledge:
        """Submit the pledge page behind a link."""
        state = page_state.load_page_state(token)
        role = state.contact["role"] or self.dice.choice(ROLES_OF_SECTOR.get(sector, ROLES))
        page = {
            "version": state.version,
            "profile": state.profile | profile,
            "contact": state.contact | {"role": role},
            "promised": promised,
        }
        if sign:
            return pledge_editing.sign_pledge(token, **page, name=state.contact["name"], role=role)
        return pledge_editing.save_draft(token, **page)

    def written_by_hand(self, name: str) -> list[PromiseData]:
        return [
            PromiseData(
                self.promise_types[code].pk,
                quantity,
                grades=tuple(grades),
                months=tuple(months),
                schools=tuple(self.schools[school].pk for school in places),
                note=note,
            )
            for code, quantity, grades, months, note, places in BY_HAND.get(name, [])
        ]

    def checklist(self, sector: str) -> list[PromiseData]:
        codes = LEANINGS[sector]
        several = min(len(codes), self.dice.choice([1, 2, 2, 3, 3, 4]))
        chosen = set(codes[:1] if self.dice.random() < 0.6 else []) | set(self.dice.sample(codes, several))
        return [self.promise(code) for code in AMOUNTS if code in chosen]

    def promise(self, code: str) -> PromiseData:
        dice = self.dice
        grades = dice.choice(GRADES[code])
        fitting = [school for school in self.asked if set(grades) <= set(school.grades)]
        places = dice.sample(fitting, min(len(fitting), dice.choice([1, 1, 2, 3]))) if dice.random() < 0.6 else []
        start = dice.randrange(len(MONTHS) - 2)
        return PromiseData(
            self.promise_types[code].pk,
            dice.randint(*AMOUNTS[code]),
            grades=tuple(grades),
            months=tuple(MONTHS[start : start + dice.choice([1, 2, 3, 6])]),
            schools=tuple(place.pk for place in places),
            note=self.people.maybe(NOTES, 0.15),
        )

    def changed(self, promised: PromiseData) -> PromiseData:
        quantity = max(1, promised.quantity + self.dice.choice([0, 0, 0, 1, 2, 4, -1]))
        return replace(promised, quantity=quantity)


def remind_about_drafts(dates: StoryDates) -> None:
    """Send the one reminder about each unsigned draft, on the morning when it was due."""
    due = dates.now - years.REMIND_AFTER
    for pledge in Pledge.objects.drafts().filter(changed_at__lt=due).order_by("pk"):
        morning = at((pledge.changed_at + years.REMIND_AFTER).astimezone(ZONE).date() + timedelta(days=1), 7)
        if morning < dates.now:
            with as_of(morning):
                years.remind_draft(pledge)
