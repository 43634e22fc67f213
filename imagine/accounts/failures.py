"""Count wrong passwords per account, per account and network address, and per address. Right ones don't count.

The right password always works, however many wrong ones came before. Staff and students share an address, so someone
who guesses must not be able to lock an account. After the first few wrong passwords we ask people to wait, twice as
long each time. The second factor protects against guessing from many addresses.

We reject requests unread only from an address with hundreds of failures, and not from browsers that have signed in
before.
"""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from imagine.accounts.staff import find_account
from imagine.core.models import RateLimitCount
from imagine.core.rate_limit import client_network, count_try, seconds_to_wait

WINDOW = 60  # minutes
FREE_HERE, FREE_ANYWHERE = 3, 10  # wrong passwords for one account, from one address and from all, without a wait
MAX_WAIT = 15 * 60  # seconds
MAX_PER_ADDRESS, ADDRESS_WINDOW = 300, 10  # wrong passwords for any account, in minutes

KNOWN_BROWSER_COOKIE = "known_browser"
KNOWN_BROWSER_AGE = timedelta(days=90)
MAX_ACCOUNTS_PER_BROWSER = 5
SIGNER = TimestampSigner(salt="imagine.accounts.known_browser")


def count_wrong_password(request: HttpRequest, name: str) -> int:
    """Count a wrong password for what was typed as a name. Return how many seconds to wait before the next try."""
    count_try(address_key(request), minutes=ADDRESS_WINDOW)
    here = count_try(pair_key(request, name), minutes=WINDOW) - FREE_HERE
    anywhere = count_try(account_key(name), minutes=WINDOW) - FREE_ANYWHERE
    beyond = max(here, anywhere)
    return min(2**beyond, MAX_WAIT) if beyond > 0 else 0


def clear_wrong_passwords(request: HttpRequest, name: str) -> None:
    """Forget the wrong passwords before a right one."""
    RateLimitCount.objects.filter(key__in=[pair_key(request, name), account_key(name)]).delete()


def wait_of_address(request: HttpRequest, name: str) -> int:
    """Return how many seconds an address has to wait after hundreds of recent wrong passwords. Browsers that have
    signed in to the account before don't wait."""
    if is_known_browser(request, name):
        return 0
    return seconds_to_wait(address_key(request), most=MAX_PER_ADDRESS, minutes=ADDRESS_WINDOW)


def remember_browser(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Mark a browser as known to an account after a sign-in. It can be known to a few, because people share an office
    computer. The mark doesn't sign anyone in."""
    others = [account for account in accounts_of_browser(request) if account != browser_mark(user)]
    response.set_cookie(
        KNOWN_BROWSER_COOKIE,
        SIGNER.sign("-".join([browser_mark(user), *others][:MAX_ACCOUNTS_PER_BROWSER])),
        max_age=KNOWN_BROWSER_AGE,
        path=settings.ADMIN_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def is_known_browser(request: HttpRequest, name: str) -> bool:
    accounts = accounts_of_browser(request)
    user = find_account(name) if accounts else None
    return user is not None and browser_mark(user) in accounts


def accounts_of_browser(request: HttpRequest) -> list[str]:
    """Return the marks of the accounts that a browser signed in to."""
    try:
        marks = SIGNER.unsign(request.COOKIES.get(KNOWN_BROWSER_COOKIE, ""), max_age=KNOWN_BROWSER_AGE)
    except BadSignature:
        return []
    return marks.split("-")


def browser_mark(user: User) -> str:
    return salted_hmac("imagine.accounts.known_browser", str(user.pk)).hexdigest()[:32]


def address_key(request: HttpRequest) -> str:
    return count_key("address", client_network(request))


def pair_key(request: HttpRequest, name: str) -> str:
    return count_key("pair", f"{client_network(request)} {name.strip().lower()}")


def account_key(name: str) -> str:
    return count_key("account", name.strip().lower())


def count_key(scope: str, value: str) -> str:
    return f"sign-in {scope}:{salted_hmac('imagine.accounts.failures', value).hexdigest()[:32]}"
