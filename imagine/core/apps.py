from django.apps import AppConfig
from django.core.management.base import CommandError
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.migrations.recorder import MigrationRecorder
from django.db.models.signals import pre_migrate
from django.utils.translation import gettext_lazy as _

from imagine.core.database import set_timeouts

OLD_LAYOUT = (
    "This database was made by an unreleased version and can't be migrated. Start with an empty one (for the demo, run"
    " “make demo-reset”)."
)


class CoreConfig(AppConfig):
    name = "imagine.core"
    verbose_name = _("Activity log")

    def ready(self):
        # Models can be imported only now.
        from imagine.core import receivers  # noqa: F401 (importing it connects them)

        pre_migrate.connect(reject_old_layout, sender=self)
        connection_created.connect(set_timeouts)


def reject_old_layout(*, using: str, **kwargs) -> None:
    """Stop `migrate` if the database has tables of an unreleased version, whose app was called "imagine"."""
    recorder = MigrationRecorder(connections[using])
    if recorder.has_table() and recorder.migration_qs.filter(app="imagine").exists():
        raise CommandError(OLD_LAYOUT)
