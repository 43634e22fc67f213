"""Checks of the container setup that don't need a container engine."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest
import redis
from django.conf import settings
from ruamel.yaml import YAML

from imagine.demo.binaries import valkey_binary
from imagine.demo.servers import free_port, wait_until
from tests.deploy.image import OURS, PROJECT, SERVICES

COMPOSE = PROJECT / "docker-compose.yml"
SECRETS = PROJECT / "deploy" / "compose.secrets.yml"


@pytest.mark.slow
@pytest.mark.parametrize("file", [COMPOSE, SECRETS], ids=["compose", "secrets"])
def test_compose_file_matches_the_compose_schema(file):
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    run = subprocess.run(check, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_configures_its_healthcheck(name):
    health = SERVICES[name]["healthcheck"]
    assert health.get("disable") if name == "migrate" else {"test", "interval", "timeout", "retries"} <= set(health)


def test_services_wait_for_their_dependencies():
    waits = {name: set(service.get("depends_on", ())) for name, service in SERVICES.items()}
    assert waits == {
        "proxy": {"web"},
        "web": {"migrate", "db"},
        "worker": {"migrate", "db", "redis"},
        "worker-bulk": {"migrate", "db", "redis"},
        "beat": {"migrate", "db", "redis"},
        "migrate": {"db"},
        "db": set(),
        "redis": set(),
    }
    for service in SERVICES.values():
        for other, wait in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if other == "migrate" else "service_healthy"
            assert wait["condition"] == expected


def test_every_queue_has_a_worker_and_bulk_email_has_its_own():
    workers = {name: SERVICES[name]["command"].split() for name in SERVICES if name.startswith("worker")}
    queues = {name: set(command[command.index("-Q") + 1].split(",")) for name, command in workers.items()}
    assert queues == {"worker": {"transactional", "housekeeping"}, "worker-bulk": {"bulk"}}
    routes = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    assert routes | {settings.CELERY_TASK_DEFAULT_QUEUE} == set.union(*queues.values())
    assert SERVICES["worker-bulk"]["healthcheck"]["test"][3:6] == ["heartbeat", "--queue", "bulk"]


def test_every_variable_in_the_readme_is_passed_to_each_service():
    not_there = {"DEBUG", "DEMO", "PORT"}
    variables = set(re.findall(r"^\| `([A-Z_]+)`", (PROJECT / "README.md").read_text(), re.M)) - not_there
    assert {"SECRET_KEY", "TRUSTED_PROXIES", "MAIL_FROM"} < variables
    for name in OURS:
        assert variables <= set(SERVICES[name]["environment"])


def test_secrets_have_no_defaults_and_only_the_proxy_has_ports():
    for name, reference in re.findall(r"\$\{(\w+)([^}]*)", COMPOSE.read_text()):
        is_empty = name.startswith(("OIDC_", "BOUNCE_", "CERTIFICATE_")) and reference == ":-"  # off by default
        has_default = name in {"ADMIN_URL_HOST", "PORT", "TRUSTED_PROXIES", "WEB_CONCURRENCY"} or is_empty
        assert reference.startswith((":?", ":-") if has_default else ":?")
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]


UNCOMMENTED = re.sub(r"^( +)# ", r"\1", SECRETS.read_text(), flags=re.M)
OPTIONAL_SECRETS = {"oidc_client_secret", "bounce_imap_url", "bounce_webhook_secret"}


@pytest.mark.parametrize(("text", "optional"), [(SECRETS.read_text(), set()), (UNCOMMENTED, OPTIONAL_SECRETS)])
def test_secrets_in_files_are_not_in_the_environment(text, optional):
    override = YAML(typ="safe").load(text)
    assert optional == OPTIONAL_SECRETS & set(override["secrets"])
    for name in OURS:
        assert optional == OPTIONAL_SECRETS & set(override["services"][name]["secrets"])
    for name in (*OURS, "db", "redis"):
        service = override["services"][name]
        merged = SERVICES[name]["environment"] | service["environment"]
        assert not re.search(r"\$\{(SECRET_KEY|EMAIL_URL|POSTGRES_PASSWORD|VALKEY_PASSWORD)", str(merged)), name
        files = {variable: path for variable, path in merged.items() if variable.endswith("_FILE")}
        assert files == {f"{secret.upper()}_FILE": f"/run/secrets/{secret}" for secret in service["secrets"]}, name
        assert all(merged[variable.removesuffix("_FILE")] == "" for variable in files), name
        assert set(service["secrets"]) <= set(override["secrets"]), name


@pytest.fixture
def broker(tmp_path, request) -> Iterator[tuple[str, int]]:
    """Run Compose's command for Valkey, with a password from the environment or a file."""
    (tmp_path / "valkey-server").symlink_to(valkey_binary())
    (tmp_path / "password").write_text("fromafile\n")
    script = SERVICES["redis"]["command"][2].replace("$$", "$").replace("/tmp/valkey.conf", str(tmp_path / "conf"))
    port = free_port()
    shell = ["sh", "-c", script.rstrip() + f" --bind 127.0.0.1 --port {port}"]
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"} | {
        name: value.replace("FOLDER", str(tmp_path)) for name, value in request.param.items()
    }
    server = subprocess.Popen(shell, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL)
    assert wait_until(lambda: "ready" in ping(port, None), 10)
    yield server, port
    server.terminate()
    assert server.wait(10) == 0


def ping(port: int, password: str | None) -> str:
    try:
        redis.Redis(port=port, password=password).ping()
    except redis.AuthenticationError as error:
        return f"ready: {error}"
    except redis.ConnectionError as error:
        return str(error)
    return "pong"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broker", "password"),
    [
        ({"VALKEY_PASSWORD": "s3cret"}, "s3cret"),
        ({"VALKEY_PASSWORD": "", "VALKEY_PASSWORD_FILE": "FOLDER/password"}, "fromafile"),
    ],
    indirect=["broker"],
)
def test_broker_requires_its_password_and_does_not_expose_it(broker, password, tmp_path):
    server, port = broker
    assert ping(port, password) == "pong"
    assert "ready" in ping(port, "wrong")
    assert "ready" in ping(port, None)
    assert password not in " ".join(psutil.Process(server.pid).cmdline())
    assert (tmp_path / "conf").stat().st_mode & 0o77 == 0


def test_broker_and_services_use_the_same_password():
    assert SERVICES["redis"]["environment"]["VALKEY_PASSWORD"].startswith("${VALKEY_PASSWORD:?")
    for name in OURS:
        assert re.match(r"redis://:\$\{VALKEY_PASSWORD:\?[^}]*\}@redis:", SERVICES[name]["environment"]["REDIS_URL"])


def test_third_party_images_are_pinned_to_exact_versions():
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    images += re.findall(r"^FROM (\S+)", (PROJECT / "Dockerfile").read_text(), re.M)
    assert len(images) == 4
    for image in images:  # PostgreSQL's version has two numbers
        exact = r":\d+\.\d+$" if image.startswith("postgres:") else r":\d+\.\d+\.\d+-"
        assert re.search(exact, image), image


def test_image_installs_only_production_packages_and_runs_as_non_root():
    steps = (PROJECT / "Dockerfile").read_text()
    assert re.findall(r"requirements[\w-]*\.txt", steps) == ["requirements.txt"] * 2
    assert steps.rindex("USER imagine") < steps.rindex("CMD [")
    assert steps.rindex("USER imagine") > steps.rindex("RUN ")


def test_readme_mounts_files_by_absolute_path():
    """`docker compose run -v` takes ./name for the name of a volume."""
    sources = re.findall(r'docker compose run .*?-v "?([^:"]+):', (PROJECT / "README.md").read_text())
    assert [source for source in sources if not source.startswith("$PWD/")] == []
    assert sources


def test_proxy_logs_no_urls():
    proxy = (PROJECT / "deploy" / "nginx.conf").read_text()
    assert "access_log off;" in proxy
    assert "error_log /dev/stderr crit;" in proxy


def test_postgres_logs_no_statements_or_values():
    """A failed INSERT would contain a guest's name and email address."""
    command = SERVICES["db"]["command"].split()
    assert {"log_error_verbosity=terse", "log_min_error_statement=panic"} <= set(command)
