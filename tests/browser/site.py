"""The site as a browser sees it: web server, Celery worker and beat as processes on the test database."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import quote, urlsplit

from django.conf import settings

from imagine.demo.prepare import UNUSED
from imagine.demo.servers import free_port, wait_until
from imagine.demo.supervisor import Program
from tests.browser.mailbox import Mailbox


class Site:
    def __init__(self, folder: Path):
        self.folder = folder
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.mailbox = Mailbox(folder / "mail")
        worker = ["-A", "imagine", "worker", "-Q", "transactional,bulk,housekeeping", "-c", "1", "-l", "INFO"]
        beat = ["-A", "imagine", "beat", "--schedule", str(folder / "beat"), "--pidfile=", "-l", "INFO"]
        self.programs = [
            self.web("web", self.port),
            self.program("worker", "celery", *worker),
            self.program("beat", "celery", *beat),
        ]

    def web(self, name: str, port: int, **environment: str) -> Program:
        threads = ["--workers", "1", "--worker-class", "gthread", "--threads", "4", "--no-control-socket"]
        return self.program(name, "gunicorn", "imagine.wsgi", "--bind", f"127.0.0.1:{port}", *threads, **environment)

    def program(self, name: str, *arguments: str, **environment: str) -> Program:
        log = self.folder / f"{name}.log"
        return Program(name, *arguments, log=log, run=self.folder, patience=5, env=self.environment() | environment)

    def environment(self) -> dict[str, str]:
        database = urlsplit(os.environ["DATABASE_URL"])
        return os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.browser.settings",
            "DATABASE_URL": database._replace(path=f"/{quote(settings.DATABASES['default']['NAME'])}").geturl(),
            "EMAIL_URL": f"file://{quote(str(self.mailbox.folder))}",
            "SITE_URL": self.address,
            "DEMO": "0",  # staff need a second factor
            "COLLECTED": str(self.folder / "static"),
        }

    def start(self) -> None:
        ignored = [f"--ignore={pattern}" for pattern in UNUSED]
        collect = [sys.executable, "-m", "django", "collectstatic", "--no-input", "--verbosity=0", *ignored]
        subprocess.run(collect, env=self.environment(), check=True)
        for program in self.programs:
            program.start()
        assert wait_until(lambda: self.answers(self.port), 30), (self.folder / "web.log").read_text()

    def answers(self, port: int) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/imagine/health/live/", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self) -> None:
        for program in self.programs:
            program.ask_to_stop()
        for program in self.programs:
            program.stop()
