"""A real PgBouncer in front of the tests' PostgreSQL."""

import os
import shutil
import socket
from pathlib import Path

from imagine.demo.processes import spawn, wait_or_kill
from imagine.demo.servers import Postgres, free_port, wait_until

BINARY = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
SERVER_CONNECTIONS = {"session": 30, "transaction": 3}


class PgBouncer:
    """In transaction mode, three server connections take turns, so no two consecutive transactions share one."""

    def __init__(self, folder: Path, postgres: Postgres, mode: str):
        self.folder, self.postgres, self.mode = folder, postgres, mode
        self.port = free_port()
        self.process = None

    @property
    def url(self) -> str:
        url = self.postgres.url.replace(f":{self.postgres.port}/", f":{self.port}/")
        return url if self.mode == "session" else f"{url}?pool_mode={self.mode}"

    def start(self) -> None:
        self.folder.mkdir()
        self.folder.chmod(0o711)
        users, settings = self.folder / "users", self.folder / "pgbouncer.ini"
        users.write_text(f'"imagine" "{self.postgres.password}"\n')
        settings.write_text(f"""
[databases]
* = host=127.0.0.1 port={self.postgres.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = {self.mode}
default_pool_size = {SERVER_CONNECTIONS[self.mode]}
min_pool_size = {SERVER_CONNECTIONS[self.mode] if self.mode == "transaction" else 0}
server_round_robin = 1
""")
        command = [BINARY, settings]
        if os.geteuid() == 0:  # PgBouncer refuses to run as root
            for file in (users, settings):
                shutil.chown(file, "nobody")
            command = [BINARY, "--user=nobody", settings]
        self.process = spawn(command, self.folder.parent / "pgbouncer.log")
        assert wait_until(self.accepts, 10), "PgBouncer did not start"

    def accepts(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            wait_or_kill(self.process, 5)
