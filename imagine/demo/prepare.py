"""Prepare database, translations, static files, sample data and staff account, in one process before the others."""

import hashlib
import os
import sys
from io import StringIO

import django
from django.conf import settings
from django.core.management import CommandError, call_command

from imagine.demo.supervisor import STEP

# Bootstrap's other builds: 15 MB that no page uses, and most of the time it takes to compress static files.
UNUSED = ["bootstrap-*", "bootstrap.css*", "bootstrap.rtl*"]


def prepare() -> None:
    """Safe to repeat. Steps that are already done take almost no time."""
    print_step("Creating the database tables ...")
    call_command("migrate", verbosity=0)
    call_command("make_roles", stdout=StringIO())
    print_step("Compiling the translations, the style sheets and the scripts ...")
    call_command("catalogue", compile=True, verbosity=0)
    collect_static()
    print_step("Making up a year of sample data: two summits, 60 partners, and their email ...")
    call_command("demo_data", verbosity=0)
    staff_account(os.environ["DEMO_STAFF_PASSWORD"])


def print_step(step: str) -> None:
    print(f"{STEP}{step}", flush=True)


def collect_static() -> None:
    """Skip collecting if no file has changed since the last run, because compressing takes seconds."""
    mark = settings.STATIC_ROOT.with_name("static.fingerprint")
    fingerprint = static_fingerprint()
    if mark.exists() and mark.read_text() == fingerprint:
        return
    call_command("collectstatic", ignore_patterns=UNUSED, interactive=False, clear=True, verbosity=0)
    mark.write_text(fingerprint)


def static_fingerprint() -> str:
    from django.contrib.staticfiles.finders import get_finders  # needs loaded apps

    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list(UNUSED):
            found = os.stat(storage.path(path))
            digest.update(f"{path} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def staff_account(password: str) -> None:
    """Make sure that the superuser `staff` can sign in with this password."""
    from django.contrib.auth import get_user_model

    users = get_user_model().objects
    staff, _ = users.get_or_create(username="staff", defaults={"email": "staff@example.org"})
    if not (staff.is_superuser and staff.is_staff and staff.is_active and staff.check_password(password)):
        staff.is_superuser = staff.is_staff = staff.is_active = True
        staff.set_password(password)
        staff.save()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imagine.settings")
    django.setup()
    try:
        prepare()
    except CommandError as error:
        sys.exit(str(error))
