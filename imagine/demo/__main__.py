"""`python -m imagine.demo`: run the whole product on this machine in the foreground until Ctrl-C."""

import argparse
import http.client
import os
import shutil
import signal
import socket
import sys
from pathlib import Path

from imagine.demo.environment import VAR, delete_stored_environment, demo_environment, is_set, store_environment
from imagine.demo.known_migrations import check_migrations
from imagine.demo.locks import lock_folder, open_listener, wanted_port
from imagine.demo.processes import LIBC, PR_SET_PDEATHSIG, end_leftover
from imagine.demo.servers import Postgres, ServerError, Valkey
from imagine.demo.supervisor import Program, Supervisor, print_line

LOGS = VAR / "log"
RUN = VAR / "run"
PREPARED = VAR / "prepared"  # exists once the first start has created all data
FIRST_START = "Setting up the demo: this takes about a minute, but only once."


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m imagine.demo", description=__doc__)
    parser.add_argument("--reset", action="store_true", help="delete the demo's data, create it again, and exit")
    reset = parser.parse_args().reset
    for folder in (VAR, LOGS, RUN):
        folder.mkdir(exist_ok=True)
    end_with_make()
    lock = lock_folder(RUN / "lock")
    for pid_file in RUN.glob("*.pid"):
        end_leftover(pid_file)
    port = wanted_port()
    listener = None if reset else open_listener(port)
    if reset:
        discard_data()
    servers = own_servers()
    if postgres := servers.get("DATABASE_URL"):
        check_migrations(postgres.data)
    run_demo(Supervisor(servers), port, listener)
    lock.close()


def run_demo(supervisor: Supervisor, port: int, listener: socket.socket | None) -> None:
    """Prepare everything and, given a listener, serve until asked to stop. Leave nothing running."""
    supervisor.heed_signals()
    try:
        print_line("Starting the demo ..." if PREPARED.exists() else FIRST_START)
        make_mail_folder()
        supervisor.start(supervisor.servers.values())
        env = demo_environment(port, {name: server.url for name, server in supervisor.servers.items()})
        prepare_data(supervisor, env)
        if listener:
            supervisor.programs = all_programs(listener, env)
            store_environment(env)
            serve(supervisor, port, env)
        elif not supervisor.stopping:
            print_line("The demo has fresh data. To start it, run: make demo")
    except ServerError as error:
        sys.exit(str(error))
    finally:
        delete_stored_environment()
        supervisor.stop()


def make_mail_folder() -> None:
    """Emails hold personal links, so other users of this machine must not read them."""
    folder = VAR / "mail"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)


def prepare_data(supervisor: Supervisor, env: dict[str, str]) -> None:
    show_steps = None if PREPARED.exists() else print_line
    prepared = supervisor.run_once(new_program("prepare", "imagine.demo.prepare", env=env), show=show_steps)
    if prepared:
        PREPARED.touch()
    elif not supervisor.stopping:
        sys.exit(f"The demo couldn't be set up. {last_line('prepare')} (Details: {LOGS / 'prepare.log'})")


def serve(supervisor: Supervisor, port: int, env: dict[str, str]) -> None:
    """Start the web server first, because someone is waiting for it."""
    web, *others = supervisor.programs
    supervisor.start([web])
    if supervisor.wait_for(lambda: site_is_up(port), 40):
        supervisor.start(others)
        print_welcome(env)
    elif not supervisor.stopping:
        sys.exit(f"The web server isn't responding. Details: {LOGS / 'web.log'}")
    supervisor.watch()
    print_line("\nStopping ...")


def own_servers() -> dict:
    """Return the servers to start, by the environment variable that would replace each."""
    servers = {}
    if not is_set("DATABASE_URL"):
        postgres = servers["DATABASE_URL"] = Postgres(VAR / "postgres", log=fresh_log("postgres"))
        if not postgres.folder.is_relative_to(VAR):
            print_line(f"PostgreSQL's user can't open {VAR}, so its data is in {postgres.folder}.")
    if not is_set("REDIS_URL"):
        servers["REDIS_URL"] = Valkey(VAR / "valkey", log=fresh_log("valkey"))
    return servers


def all_programs(listener: socket.socket, env: dict[str, str]) -> list[Program]:
    """Return web, workers and beat. We keep the listening socket so that a restarted web server can use it."""
    web = [
        "gunicorn",
        "-c",
        "python:imagine.gunicorn",
        "imagine.wsgi",
        "--bind",
        f"fd://{listener.fileno()}",
        "--no-control-socket",
    ]
    web += ["--worker-class", "gthread", "--workers", "2", "--threads", "4", "--graceful-timeout", "5", "--preload"]
    celery = ["celery", "-A", "imagine"]
    quiet = ["--concurrency", "2", "--without-gossip", "--without-mingle", "-l", "INFO"]
    # A worker that waits for its broker ignores SIGTERM. Killing it is safe, because messages are stored.
    at_once = {"env": env, "death_signal": signal.SIGKILL}
    beat = [*celery, "beat", "--schedule", str(RUN / "beat-schedule"), "--pidfile=", "-l", "INFO"]
    return [
        new_program("web", *web, env=env, pass_fds=[listener.fileno()]),
        new_program(
            "worker", *celery, "worker", "-Q", "transactional,housekeeping", "-n", "transactional@%h", *quiet, **at_once
        ),
        new_program("worker-bulk", *celery, "worker", "-Q", "bulk", "-n", "bulk@%h", *quiet, **at_once),
        new_program("beat", *beat, env=env),
    ]


def new_program(name: str, *arguments: str, **options) -> Program:
    return Program(name, *arguments, log=fresh_log(name), run=RUN, **options)


def fresh_log(name: str) -> Path:
    """Start an empty log and keep the previous one beside it."""
    log = LOGS / f"{name}.log"
    if log.exists():
        log.replace(LOGS / f"{name}.log.1")
    return log


def last_line(name: str) -> str:
    lines = (LOGS / f"{name}.log").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "It ended without a message."


def site_is_up(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/imagine/health/live/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def print_welcome(env: dict[str, str]) -> None:
    site = env.get("SITE_URL", "").rstrip("/")
    print_line(f"""
Imagine Promise is running.

  Public site:   {site}/imagine/
  Staff sign-in: {site}/imagine/admin/   username: staff   password: {env["DEMO_STAFF_PASSWORD"]}
  Emails:        {VAR / "mail"}
  Logs:          {LOGS}

To stop the demo, press Ctrl-C. To start over with fresh data, run: make demo-reset""")


def discard_data() -> None:
    if is_set("DATABASE_URL"):
        sys.exit(
            "DATABASE_URL is set, but only the demo's own database can be reset. Unset DATABASE_URL and try again."
        )
    Postgres(VAR / "postgres").discard()
    shutil.rmtree(VAR / "mail", ignore_errors=True)
    PREPARED.unlink(missing_ok=True)


def end_with_make() -> None:
    """On Linux, end together with the `make` that started us, even if it is killed."""
    if LIBC and os.environ.get("MAKELEVEL"):
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    main()
