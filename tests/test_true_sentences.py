"""Each sentence that tells the public what will happen, or what we or the schools do, is true because of something.

The table names it: a function that does it, or the heading of docs/staff-guide.md under which the
office is told to do it.
A sentence that nothing makes true is not written. What is kept about people, and for how long, is proven by
tests/privacy/test_retention.py instead.
"""

import re
from functools import cache
from importlib import import_module
from pathlib import Path

import polib

ROOT = Path(__file__).resolve().parents[1]
CATALOG = ROOT / "locale" / "es" / "LC_MESSAGES" / "django.po"
GUIDE = ROOT / "docs" / "staff-guide.md"
# Where the words are that guests and partners read, on pages and in email.
PUBLIC = re.compile(
    r"templates/(?!admin/|accounts/|registration/|mail/accounts/)"
    r"|summit/(?:calendar|emails|views)/|summit/(?:formatting|forms|partner_year|rsvp_links|seats)\.py"
    r"|partners/(?:directory|emails|forms|pledges|views)/"
    r"|imagine/mail/(?:forms|views)\.py|imagine/core/(?:forms|links|views)\.py"
)
# What speaks of the future, or of what we, schools, seats or emails do.
SPEAKS_OF_DEEDS = re.compile(
    r"(?<!what you )(?<!what each )(?<!organization )\bwill\b|(?<!what )\b\w+[’']ll\b|\bwon[’']t\b|\bmay contact\b"
    r"|\bin (?:the )?(?:spring|fall|summer)\b|\b(?:from|in|by) August\b|\b(?:every|each) (?:night|week|spring|fall)\b"
    r"|\bwe(?:[’']re|[’']ve)? (?!(?:can|can[’']t|had|have|hope|look forward|glad|grateful|sorry|couldn[’']t|got)\b)"
    r"(?!don[’']t accept)\w+"
    r"|\b(?:schools?|teachers?|staff|person|someone|Community Relations) (?:\w+ly )?"
    r"(?:reads?|answers?|contacts?|emails?|checks?|proposes?|calls?|counts?|helps?|reviews?|invites?)\b"
    r"|\bautomatically\b|\bright away\b|\bno longer works\b|\bstops? working\b|\b(?:goes?|go) to\b",
    re.IGNORECASE,
)

# What makes a sentence true, and the sentences.
TRUE_BECAUSE: dict[str, list[str]] = {
    "summit.seats.promote_waitlist": [
        "When seats open up, we go down the waitlist in order.",
        "When seats open up and it’s your turn, they’re yours, and we’ll email you right away.",
        "When it’s your turn, the seat is yours and we email you right away.",
        "%(name)s, when it’s your turn, we’ll give you the seats that open up and email you right away.",
        "We’ll email you as soon as you have a seat.",
        "People on the waitlist may get your seat right away.",
        "People on the waitlist may get your seats right away.",
    ],
    "summit.seats.promotes_waitlist": [
        "After %(moment)s, we no longer fill seats from the waitlist.",
        "We stop filling seats from the waitlist %(hours)s hour before the event.",
        "We stop filling seats from the waitlist %(hours)s hours before the event.",
        "We’ve stopped filling seats from the waitlist.",
        "We’re still filling seats from the waitlist, so you don’t need to ask.",
    ],
    "summit.seats.cancel": [
        "You’ll give up your place on the waitlist.",
        "You’ll give up your seat and your place on the waitlist.",
        "You’ll give up your %(held)s seats and your place on the waitlist.",
        "You’ll give up your seat.",
        "You’ll give up your %(held)s seats.",
        "Hi %(name)s, we canceled your RSVP, and your seats are open to other guests now.",
    ],
    "summit.seats.remove_guest": [
        "You’ll give up one seat, and someone on the waitlist may get it right away.",
    ],
    "summit.party_details.add_answers": [
        "You’d already RSVP’d with this email, so we added what you just sent.",
    ],
    "imagine.core.unsaved_answers.send_again": [
        "We still have what you sent.",
    ],
    "summit.seats.reinstate": [
        "If seats are available, they’re yours right away.",
        "If enough seats are available, you’ll get them right away.",
        "If not, you’ll join the end of the waitlist.",
        "If you change your mind and there aren’t enough seats, you’ll join the end of the waitlist.",
    ],
    "summit.seats.check_open": [
        "RSVPs are closed, so you won’t be able to RSVP again.",
    ],
    "summit.seats.move_to_waitlist": [
        "Hi %(name)s, we’re sorry, but we had to move your party to the waitlist.",
    ],
    "summit.event_changes.save_event": [
        "Hi {name}, we changed the date, time or location of an event we invited you to: {event}.",
    ],
    "summit.event_changes.cancel_event": [
        "The event on %(date)s, won’t take place.",
        "Hi {name}, we’re sorry, but we had to cancel an event we invited you to: {event}.",
        "It won’t take place on {when}.",
        "%(name)s, planned for %(date)s, won’t take place.",
    ],
    "summit.emails.rsvp.status_message": [
        "We’ll send your confirmation and personal link here.",
        "We email you right away.",
        "We email you a personal link.",
        "The email we sent you has your personal link.",
    ],
    "summit.views.rsvp.email_status": [
        "We emailed %(email)s.",
    ],
    "summit.views.rsvp.promise_from_rsvp": [
        "We already have your name and email.",
    ],
    "summit.views.public.respond_to_duplicate": [
        "Each email can have one RSVP for %(name)s, so we didn’t save what you just sent.",
        "We’ve sent the personal link to that email.",
        "If you send a form twice, we count it once.",
        "We’ll count it once.",
    ],
    "summit.rsvp_links.email_requested_links": [
        "We’ll email you the personal links to your RSVP and your promises again.",
        "We’ll email it to you again.",
    ],
    "summit.date_alerts.email_alert_link": [
        "First, we’ll send a link to confirm your email.",
        "We’re sending you a link.",
        "Open it and say yes, so we know the address is yours.",
        "Someone asked us to email this address once the next Imagine Promise Summit has a date.",
        "We only email the date to people who say yes.",
    ],
    "summit.date_alerts.delete_alert": [
        "We deleted your email address from it.",
    ],
    "summit.date_alerts.announce_date": [
        "By sending this form, you agree that Community Relations may email you about this, and only this.",
        "We’ll email you once, when the next summit is on this page.",
        "We’ll email %(email)s once, when the next summit has a date.",
        "If you say yes, we’ll email %(email)s once, when the next summit has a date.",
        "It’s the only one we’ll send about this.",
        "On %(day)s, we emailed %(email)s that the summit has a date.",
        "We emailed you the date",
        "We won’t write about this again.",
    ],
    "imagine.core.links.replace_link": [
        "This link no longer works.",
        "Your old link no longer works.",
        "The link in this email no longer works.",
    ],
    "summit.views.invitation.page_status": [
        "We’re still working on this event.",
    ],
    "summit.invitations.responses.accept_invitation": [
        "A quick yes or no is all we need.",
    ],
    "summit.reminders.sending.invitations_to_remind": [
        "You’re getting this email because we invited you to this event and haven’t heard back.",
        "This is the only reminder we’ll send.",
    ],
    "summit.calendar.entries.for_rsvp": [
        "We attached a calendar invite to keep your calendar up to date.",
    ],
    "summit.calendar.entries.for_invitation": [
        "We attached a calendar entry.",
    ],
    "summit.calendar.feed.build_feed": [
        "Subscribe to the calendar, and the next one will show up in yours.",
        "New events and changes show up automatically.",
    ],
    "summit.partner_year.mail_own_link": [
        "Each person’s own link goes only to their own email.",
        "Yours goes to %(email)s.",
        "We’re emailing you your link.",
        "We emailed you this link not long ago.",
    ],
    "partners.pledges.signup.reply_to_request": [
        "We’ll send your personal link here.",
        "We email you a link.",
        "Enter the same email, and we’ll send the link to your promises.",
    ],
    "partners.pledges.signup.end_browser_links": [
        "Once you save or sign from that link, this page will no longer work.",
    ],
    "partners.pledges.editing.email_link_if_known": [
        "We’ve emailed the link to it.",
        "We’re emailing it the link to its promises.",
    ],
    "partners.pledges.staff.start_pledge_for": [
        "We’d love to have your help for our students, so we started a checklist of promises for %(organization)s.",
    ],
    "partners.pledges.renewal.check_can_invite": [
        "The school year {year} is open for promises.",
    ],
    "partners.pledges.promises.proposed_promises": [
        "Your promises from last year are filled in as a draft.",
        "They’re filled in below as a draft.",
        "We’ve filled in your last promises as a starting point.",
        "When the next school year opens, this link will show your promises so you can keep, change, or remove them.",
        (
            "When the next school year opens, this link will show the same promises so you can keep, change, or "
            "remove them."
        ),
    ],
    "partners.pledges.years.remind_unchanged_drafts": [
        "This is the only reminder we’ll send.",
    ],
    "partners.emails.pledge.queue_start_link": [
        "To sign, open the link we emailed you.",
        "We emailed a link to %(email)s.",
    ],
    "partners.emails.pledge.queue_signed": [
        "We email you a copy.",
        "We email you a copy and a certificate.",
        "We’ll email you a new certificate.",
        "Your copy goes to %(email)s, with a link to make changes.",
    ],
    "summit.seats.split_seats": [
        "Hi %(name)s, we don’t have enough available seats for your party right now.",
    ],
    "partners.emails.pledge.contact_for": [
        "We send emails to %(email)s.",
    ],
    "partners.models.PromiseType": [
        "You’ll need volunteer clearance.",
    ],
    "partners.directory.queries.listed_pledges": [
        "They’ll appear here once they sign, ask to be listed, and are approved.",
        "When one opens, its partners will be listed here.",
    ],
    "partners.organizations.profiles.approve_listing": [
        "Once we approve your profile, it will appear there automatically.",
    ],
    "imagine.mail.preferences.suppress": [
        "We stopped sending it invitations and reminders on %(date)s.",
    ],
    "imagine.mail.preferences.must_not_email": [
        "If you unsubscribe, we’ll stop sending these emails to %(email)s.",
        "We’ve stopped sending these emails to %(email)s.",
        "If you unsubscribe, we remember it for as long as we might otherwise email you.",
    ],
    "imagine.core.logging.JsonFormatter": [
        "It’s not your fault, and we’ve recorded it.",
    ],
    "imagine.core.rate_limit.count_try": [
        "To stop automated abuse, we briefly count the forms sent from each network address.",
    ],
    "imagine.core.rate_limit.hashed_network": [
        "We scramble the address first.",
    ],
    "imagine.privacy.tasks.carry_out_retention": [
        "Every night we delete what we no longer need.",
    ],
    "tests.privacy.test_retention.test_retention_table_covers_every_column": [
        "What we ask for, what we do with it, and how you can change or remove it.",
        (
            "We also keep who in your party attended, the emails we sent you, when you RSVP’d, and a history of "
            "changes to names and seats."
        ),
        "We also keep the emails we sent you and a history of changes.",
        "When we invite you: to which event, what you answered and when, and what you wrote if you declined.",
        (
            "We also keep which emails you want (invitations, reminders, news), when you last changed that, and, if "
            "our emails bounce, since when and why."
        ),
    ],
    "tests.privacy.test_document.test_forms_ask_not_to_name_students": [
        "We never ask for a student’s name, and please don’t give us one: not as a guest, not in a note.",
    ],
    "tests.summit.test_views_safety.test_cookies_are_limited_to_our_path_and_hold_no_staff_messages": [
        "We use a few small cookies of our own.",
    ],
    "tests.browser.axe_checks.page_problems": [
        "We aim for every page, in English and Spanish, to meet WCAG 2.2, level AA.",
        "We test them whenever we change them.",
    ],
    "office: Use people's data only for events and promises": [
        "We use it to plan seats, food, and access, to email you about this event, and to invite you to later ones.",
        "We don’t sell it, share it with advertisers, or make it public.",
        "We don’t use it for anything else.",
        "We don’t sell your information or share it with advertisers.",
    ],
    "office: Show someone their data, or erase it": [
        "If you gave us a student’s name by mistake, email us and we’ll remove it.",
    ],
    "office: Send or replace a personal link": [
        "If someone else may have it, email us right away, and we’ll replace it.",
    ],
    "office: Answer email from guests and partners": [
        "A person reads every message.",
        "A person reads and answers every message.",
        "A person in Community Relations will answer.",
        "Check your spam folder, or email %(reply_to)s and a person will answer.",
        "Reply to this email, and someone in Community Relations will read it.",
    ],
    "office: A summit from start to finish": [
        (
            "Each spring, businesses, nonprofits, congregations, unions, colleges, and families sit down with "
            "Stockton’s schools."
        ),
        (
            "The summit in spring, the kickoff in fall, and gatherings in between: when and where Imagine Promise "
            "Partners meet."
        ),
        "At the table, for the school year that starts in August.",
    ],
    "office: Announce the next date": [
        "We’ll announce the next summit on our home page.",
        "We’ll announce the date on this page.",
    ],
    "office: Invite people": [
        "We invite partners to events.",
        (
            "You’re getting this email because Community Relations invites Imagine Promise partners and guests to "
            "its events."
        ),
    ],
    "office: Prepare the day": [
        "Refreshments will be served.",
        "Community Relations staff will read it.",
    ],
    "office: Welcome guests at the door": [
        "Check back here, or come to the door: we give out any seats that are still available.",
        "Email %(reply_to)s and ask, or come to the door: we give out any seats that are still available.",
    ],
    "office: Approve a profile": [
        "We review your profile before it appears.",
    ],
    "office: Help a partner with volunteer clearance": [
        "Community Relations will guide you through it.",
    ],
    "office: Send each school its promises": [
        "We tell schools about your promises.",
        "We may share a promise with the schools it’s for.",
        "A school or Community Relations may contact you to plan the details.",
        "By signing, you agree that schools and Community Relations may contact you about these promises.",
    ],
}


@cache
def sentences() -> dict[str, str]:
    """Return the public sentences of the catalogue, without markup, each with a file it is in."""
    found = {}
    for entry in polib.pofile(str(CATALOG)):
        files = [path for path, _line in entry.occurrences if PUBLIC.match(path)]
        for text in filter(None, [entry.msgid, entry.msgid_plural] if files else []):
            plain = re.sub(r"<[^>]+>", "", text)
            found |= dict.fromkeys(re.split(r"(?<=[.?!])\s+", plain), files[0])
    return found


def unproven(among: dict[str, str], proven: set[str]) -> list[str]:
    """Return the sentences that speak of deeds, and that the table doesn't have. Questions and labels tell nothing."""
    return [
        f"{file}: {sentence}"
        for sentence, file in among.items()
        if SPEAKS_OF_DEEDS.search(sentence) and sentence.endswith(".") and sentence not in proven
    ]


def exists(reason: str) -> bool:
    """Return whether a dotted path names something, or the guide has a heading."""
    if reason.startswith("office: "):
        headings = re.findall(r"^#+ (.+)$", GUIDE.read_text(), re.MULTILINE)
        return reason.removeprefix("office: ") in headings
    module, _dot, name = reason.rpartition(".")
    return hasattr(import_module(module), name)


def proven_sentences() -> set[str]:
    return {sentence for listed in TRUE_BECAUSE.values() for sentence in listed}


def test_each_sentence_of_the_table_is_still_said():
    gone = proven_sentences() - set(sentences())
    assert not gone, "\n".join(sorted(gone))


def test_what_makes_a_sentence_true_exists():
    assert [reason for reason in TRUE_BECAUSE if not exists(reason)] == []


def test_each_sentence_about_deeds_is_in_the_table():
    found = unproven(sentences(), proven_sentences())
    assert not found, "\n".join(found)


def test_sentence_outside_the_table_is_found():
    spoken = dict.fromkeys(
        ["We’ll email you.", "In spring, schools ask.", "A person reads it.", "Will you come?", "Save seats"],
        "page.html",
    )
    assert unproven(spoken, {"A person reads it."}) == [
        "page.html: We’ll email you.",
        "page.html: In spring, schools ask.",
    ]


def test_reason_that_does_not_exist_is_found():
    assert not exists("office: Fly to the moon")
    assert not exists("summit.seats.fly_to_the_moon")
    assert exists("summit.seats.cancel")
