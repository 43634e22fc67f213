"""Invite an audience to an event from the command line, for operators and load runs."""

from django.core.management.base import BaseCommand, CommandError

from summit.invitations import audience_query, starting
from summit.models import Audience, Event


class Command(BaseCommand):
    help = (
        "Shows how many people in an audience would be invited to an event, and how many are excluded. With --yes, "
        "invites them."
    )

    def add_arguments(self, parser):
        parser.add_argument("slug", help="the event's web address: kickoff-2027")
        parser.add_argument("--audience", required=True, metavar="NAME", help="the audience's name in the admin")
        parser.add_argument("--yes", action="store_true", help="invite them; without it, nothing is sent")

    def handle(self, *args, slug: str, audience: str, yes: bool, **options):
        """Exit with 1 if people can't be invited and with 3 if there is no one to invite. Don't wait for emails to be
        sent."""
        event = Event.objects.filter(slug=slug).first()
        if event is None:
            raise CommandError(f"There is no event with the web address {slug}.")
        chosen = Audience.objects.filter(name=audience).first()
        if chosen is None:
            raise CommandError(f"There is no audience called “{audience}”.{available_audiences()}")
        try:
            starting.check_invitable(event)
            counts = audience_query.count_people(chosen, event)
            self.show(event, counts)
            if yes:
                self.invite(event, chosen, counts)
            else:
                self.stdout.write("No one was invited. Add --yes to invite them.")
        except starting.NoRecipients as error:
            raise CommandError(str(error), returncode=3) from None
        except starting.CannotInvite as error:
            raise CommandError(str(error)) from None

    def show(self, event: Event, counts: audience_query.AudienceCounts) -> None:
        self.stdout.write(f"{event}: {count_of_people(counts.invited)} would be invited.")
        for reason, skipped in counts.skipped.items():
            self.stdout.write(f"Excluded: {count_of_people(skipped)} ({reason.label}).")

    def invite(self, event: Event, audience: Audience, shown: audience_query.AudienceCounts) -> None:
        by = "manage.py invite"
        mailing = starting.start_invitations(event, audience, count=shown.invited, mark=shown.mark, by=by)
        people = count_of_people(mailing.recipient_count)
        self.stdout.write(f"Started mailing {mailing.pk} to {people}. Its page in the admin shows its progress.")


def count_of_people(people: int) -> str:
    return "1 person" if people == 1 else f"{people} people"


def available_audiences() -> str:
    names = ", ".join(Audience.objects.order_by("name").values_list("name", flat=True)[:20])
    return f" Audiences: {names}." if names else " There are no audiences yet. Create one in the admin."
