"""Detects what no page may do: log to the console, violate the policy, miss a file, or contact another host."""

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, Response


class PageMonitor:
    def __init__(self):
        self.documents: set[str] = set()
        self.problems: list[str] = []

    def attach(self, context: BrowserContext, address: str) -> None:
        """Watch every page of a context whose requests must all go to one address."""
        context.on("request", lambda request: self.request(request, address))
        context.on("response", self.response)
        context.on("console", self.console)
        context.on("weberror", lambda error: self.problems.append(f"script: {error.error}"))

    def take_problems(self) -> list[str]:
        """Return the problems since the last call."""
        problems, self.problems, self.documents = self.problems, [], set()
        return problems

    def request(self, request: Request, address: str) -> None:
        if request.is_navigation_request():
            self.documents.add(request.url)
        if not request.url.startswith(f"{address}/imagine/"):
            self.problems.append(f"request: {request.url}")

    def response(self, response: Response) -> None:
        if response.status >= 400 and response.url not in self.documents:
            self.problems.append(f"file: {response.status} {response.url}")

    def console(self, message: ConsoleMessage) -> None:
        """Chromium also reports policy violations here. Two messages are expected: that an error page was requested,
        and that a busy Chromium styled the page before our style sheet arrived, so that the policy blocked Bootstrap's
        data: images. (axe_checks.py checks that none are left.)"""
        is_status = message.text.startswith("Failed to load resource") and message.location["url"] in self.documents
        is_early = message.text.startswith("Loading the image 'data:image/svg+xml")
        if message.type in {"error", "warning"} and not is_status and not is_early:
            self.problems.append(
                f"console: {message.text} ({message.location['url']}:{message.location['lineNumber']})"
            )
