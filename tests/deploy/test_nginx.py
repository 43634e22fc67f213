"""nginx accepts request bodies as large as each page accepts, but no larger."""

import re
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.urls import URLResolver, get_resolver

from imagine.core.uploads import MAX_BODY, MAX_FILE_SIZE_ATTRIBUTE
from tests.deploy.image import PROJECT

CONF = (PROJECT / "deploy" / "nginx.conf").read_text()
SIZES = {"k": 2**10, "m": 2**20}
EXAMPLES = {"token": "x" * 32, "int": "17", "path": "17", "slug": "port-gate", "str": "x"}


def size(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([km])", text).groups()
    return int(number) * SIZES[unit]


GENERAL = size(re.search(r"^    client_max_body_size (\w+);", CONF, re.MULTILINE)[1])
LOCATIONS = {
    re.compile(regex): size(limit)
    for regex, limit in re.findall(r'location ~ "?(\S+?)"? \{\s+client_max_body_size (\w+);', CONF)
}


def limit_of(path: str) -> int:
    """nginx uses the first regular expression that matches."""
    return next((limit for regex, limit in LOCATIONS.items() if regex.search(path)), GENERAL)


def pages(resolver: URLResolver, prefix: str = "/") -> Iterator[tuple[str, int]]:
    """Return an example of each path, and the largest upload its page accepts."""
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from pages(pattern, path)
        elif "(?P" not in path:
            example = re.sub(r"<(?:(\w+):)?\w+>", lambda place: EXAMPLES.get(place[1] or "str", "x"), path)
            yield example, getattr(pattern.callback, MAX_FILE_SIZE_ATTRIBUTE, 0)


def test_upload_pages_have_a_body_limit_of_max_body():
    takers = {path for path, largest in pages(get_resolver()) if largest}
    assert len(takers) >= 5
    assert {path: limit_of(path) for path in takers} == dict.fromkeys(takers, MAX_BODY)
    assert all(largest < MAX_BODY for _path, largest in pages(get_resolver()))


def test_other_pages_have_a_body_limit_above_djangos_own():
    takers = {path for path, largest in pages(get_resolver()) if largest}
    others = {path for path, _largest in pages(get_resolver())} - takers
    assert len(others) > 100
    assert [path for path in others if limit_of(path) != GENERAL] == []
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE < GENERAL < 10 * 2**20


@pytest.mark.parametrize("path", ["/imagine/promise/", "/imagine/promise/a/b/", "/imagine/x/promise/a/", "/imagine/"])
def test_paths_without_uploads_get_the_general_limit(path):
    assert limit_of(path) == GENERAL


def test_readme_has_the_same_body_limit():
    assert re.findall(r"client_max_body_size (\w+);", (PROJECT / "README.md").read_text()) == ["32m"]
    assert size("32m") == MAX_BODY


@pytest.mark.django_db
def test_answers_of_nginx_itself_have_the_applications_security_headers(client):
    """Each is empty where the application's answer has it. A location with an `add_header` of its own has none."""
    values = dict(re.findall(r'map \$upstream_http_\w+ \$(\w+) \{\s+"" "?([^;"]+)', CONF))
    added = dict(re.findall(r"^    add_header ([\w-]+) \$(\w+) always;$", CONF, re.MULTILINE))
    assert CONF.count("add_header") == len(added) == 6
    page = client.get("/imagine/privacy/")
    for name, variable in added.items():
        assert f"map $upstream_http_{name.lower().replace('-', '_')} ${variable} " in CONF
        assert values[variable].partition(";")[0] in page[name]
