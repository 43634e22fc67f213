from collections.abc import Callable, Iterable
from email.utils import parseaddr
from ipaddress import ip_address

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from imagine.mail.sender_checks import dkim, dmarc, hosts, spf
from imagine.mail.sender_checks.findings import Finding, State
from imagine.mail.sender_checks.lookup import Lookup, Unanswered


class Command(BaseCommand):
    help = (
        "Checks whether SPF, DKIM, DMARC and the reverse name are set up so that our email arrives. Exits with 1 if "
        "something is missing or the name server doesn't answer. To send a test email, use sendtestemail."
    )

    def add_arguments(self, parser):
        parser.add_argument("--dkim-selector", action="append", default=[], help="the name of a DKIM key; repeatable")
        parser.add_argument(
            "--sending-address", action="append", default=[], help="an address that email leaves from; repeatable"
        )
        parser.add_argument("--name-server", help="address[:port] of a public name server, to see what the public sees")

    def handle(self, *args, dkim_selector, sending_address, name_server, **options):
        try:
            addresses = [ip_address(address) for address in sending_address]
            lookup = Lookup(name_server)
        except ValueError as error:
            raise CommandError("--sending-address and --name-server take an address, like 203.0.113.5.") from error
        except Unanswered as error:
            raise CommandError(f"{error} Nothing could be looked up.") from error
        self.states: list[State] = []
        domain, reply_domain = domain_of_setting("MAIL_FROM"), domain_of_setting("MAIL_REPLY_TO")
        sure = bool(addresses)
        if not sure:
            addresses = self.find_relay(lookup)
        if self.section("Sender", lambda: hosts.check_domain(lookup, domain, "MAIL_FROM")):
            self.section("SPF: who may send", lambda: spf.check_spf(lookup, domain, addresses, sure=sure))
            self.section("DKIM: signatures", lambda: dkim.check_dkim(lookup, domain, dkim_selector))
            self.section("DMARC: what happens to forged email", lambda: dmarc.check_dmarc(lookup, domain))
            self.section("Bounces", lambda: [hosts.check_incoming(lookup, domain, "bounces")])
        if self.section("Replies", lambda: hosts.check_domain(lookup, reply_domain, "MAIL_REPLY_TO")):
            self.section("Replies", lambda: [hosts.check_incoming(lookup, reply_domain, "replies")])
        for address in addresses:
            self.section("Reverse name", lambda address=address: [hosts.check_reverse_name(lookup, address)])
        self.conclude()

    def find_relay(self, lookup):
        """Return the public addresses of the mail server."""
        addresses = []

        def find():
            if hasattr(settings, "EMAIL_FILE_PATH"):
                return [
                    Finding(State.UNSEEN, "EMAIL_URL writes email to files, so there is no mail server to look at.")
                ]
            found, findings = hosts.relay_addresses(lookup, settings.EMAIL_HOST)
            addresses.extend(found)
            return findings

        self.section("Mail server", find)
        return addresses

    def section(self, title: str, check: Callable[[], Iterable[Finding]]) -> bool:
        """Write what a check found. Return whether it found nothing to write."""
        try:
            findings = list(check())
        except Unanswered as error:
            findings = [Finding(State.UNANSWERED, str(error), "That doesn't mean it's fine. Try again later.")]
        if findings:
            self.stdout.write(title)
        for finding in findings:
            self.stdout.write(f"  {finding}")
            self.states.append(finding.state)
        return not findings

    def conclude(self) -> None:
        missing, unanswered = self.states.count(State.MISSING), self.states.count(State.UNANSWERED)
        if missing or unanswered:
            raise CommandError(f"{missing} missing, {unanswered} not checked.")
        unseen = self.states.count(State.UNSEEN)
        self.stdout.write(
            "Nothing is missing." if not unseen else f"Nothing is missing that can be seen from here; {unseen} can't."
        )


def domain_of_setting(setting: str) -> str:
    domain = parseaddr(getattr(settings, setting))[1].rpartition("@")[2].lower()
    if not domain:
        raise CommandError(f"{setting} has no email address that can be read.")
    return domain
