"""The kinds of email about pledges."""

from django.db.models import TextChoices

from partners.emails import templates


class PledgeEmailKind(TextChoices):
    PLEDGE_REQUEST = "pledge_request"
    PLEDGE_BEGUN = "pledge_begun"
    PLEDGE_LINK = "pledge_link"
    PLEDGE_NEW_LINK = "pledge_new_link"
    PLEDGE_SIGNED = "pledge_signed"
    PLEDGE_DRAFT = templates.DRAFT.code
    PLEDGE_RENEWAL = templates.RENEWAL.code
