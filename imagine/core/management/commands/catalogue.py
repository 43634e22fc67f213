from django.core.management.base import BaseCommand, CommandError

from imagine.core import translations


class Command(BaseCommand):
    help = "Updates the Spanish catalogue. --compile only compiles it, and --check fails if it has gaps."
    requires_system_checks = ()

    def add_arguments(self, parser):
        parser.add_argument("--compile", action="store_true")
        parser.add_argument("--check", action="store_true")

    def handle(self, *args, check, **options):
        if check:
            if gaps := translations.find_gaps():
                raise CommandError("\n".join(gaps))
            return
        if not options["compile"]:
            translations.update_catalog()
        translations.compile_catalog()
