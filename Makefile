# Commands for people. `make demo` needs Python 3.11 or newer and a package index, nothing else.
#   make demo [PORT=8001]   run the whole product on this machine   make demo-reset   start over with fresh demo data
#   make test               run the tests                           make quick        try each rule and page once
#   make lint               check style, types, layout, settings    make bench        measure speed beside bare Django
#   make pictures           retake the documents' pictures          make migrations   rewrite each 0001_initial
#   make quick-image        run the fast tests on the image's Python    make test-bench   try each benchmark once
#   make format             lay out code, templates and style sheets as make lint wants them
#   make requirements       pin every package with its hashes, and list their licenses

PYTHON ?= python3
VENV ?= .venv
PY = $(VENV)/bin/python
CSS_FORMAT = $(VENV)/bin/css-beautify --indent-size=2 --end-with-newline --space-around-combinator
PIP = $(PY) -m pip install --disable-pip-version-check --no-input --retries 2 --timeout 15
# For commands that only look at the code and reach no server.
THROWAWAY = SECRET_KEY=only-for-this-command-0123456789-abcdefghijklmnopqrstuvwxyz SITE_URL=https://www.example.org \
	DATABASE_URL=postgresql://nobody@127.0.0.1:1/none REDIS_URL=redis://127.0.0.1:1/0 EMAIL_URL=smtp://127.0.0.1:1 \
	MAIL_FROM=imagine@example.org MAIL_REPLY_TO=people@example.org MAIL_POSTAL_ADDRESS=Stockton

# Without compiled modules on disk each of a test run's many processes would compile the whole project again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo demo-reset test test-bench quick quick-image lint audit format requirements bench pictures migrations
.DEFAULT_GOAL := demo

demo: $(VENV)/demo.stamp
	@exec $(PY) -m imagine.demo

demo-reset: $(VENV)/demo.stamp
	@exec $(PY) -m imagine.demo --reset

# The tests that watch real processes mostly wait. They run beside the others, which let them pass (nice), and what they
# say follows at the end. The others are first those without a browser, then those of two browsers with a site each.
test: $(VENV)/test.stamp
	@CHROMIUM="$$($(PY) -m tests.browser.chromium)" && export CHROMIUM && mkdir -p var || exit 1; \
	$(PY) -m pytest -rs -m faults tests/faults tests/demo -p no:cacheprovider >var/faults.log 2>&1 & faults=$$!; \
	nice -n 5 $(PY) -m pytest -rs -n logical -m "not browser and not faults and not bench"; rules=$$?; \
	nice -n 5 $(PY) -m pytest -rs -n 2 --dist worksteal -m browser tests/browser; browser=$$?; \
	wait $$faults; faults=$$?; cat var/faults.log; exit $$((rules | browser | faults))

# The programs of `make bench` with 2% of their counts: whether they run, not how fast.
test-bench: $(VENV)/test.stamp
	@$(PY) -m pytest -rs -m bench tests/benchmarks

# Every rule and every page once; what is marked slow tries the rest.
quick: $(VENV)/test.stamp
	@SEAT_SEQUENCES=4 $(PY) -m pytest -n logical -m "not browser and not faults and not bench and not slow"

# `make test` uses the Python there is; this one uses the image's. (PYENV_VERSION selects a pyenv Python.)
IMAGE_PYTHON = $(shell sed -n 's/^FROM python:\([0-9]*\.[0-9]*\).*/\1/p' Dockerfile)
quick-image:
	@PYENV_VERSION=$(IMAGE_PYTHON) $(MAKE) --no-print-directory quick VENV=.venv-image PYTHON=python$(IMAGE_PYTHON)

lint: $(VENV)/test.stamp audit
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check
	@$(VENV)/bin/djangofmt --check --quiet templates
	@$(VENV)/bin/djangofmt check --quiet templates
	@for sheet in static/css/*.css; do $(CSS_FORMAT) $$sheet | diff $$sheet - >/dev/null || \
		{ echo "$$sheet is not formatted. Run: make format" >&2; exit 1; }; done
	@! LC_ALL=C.UTF-8 grep -rnE '.{121,}' templates static/css
	@$(THROWAWAY) $(PY) manage.py check --deploy --fail-level WARNING
	@$(THROWAWAY) $(PY) -W ignore manage.py makemigrations --check --dry-run
	@$(THROWAWAY) $(PY) -m mypy --no-error-summary

# Known weaknesses in the code and in the packages. Those of the packages are in a database on the internet; if it has
# never heard of Django, it cannot be reached.
audit: $(VENV)/test.stamp
	@mkdir -p var
	@$(VENV)/bin/bandit --quiet --recursive --severity-level medium imagine partners summit 2>var/bandit.log
	@$(VENV)/bin/pip-audit --progress-spinner off --timeout 15 --disable-pip --require-hashes -r requirements-test.txt \
		>var/pip-audit.log 2>&1; found=$$?; \
	if grep -qiE "ConnectionError|Timeout|Max retries|ProxyError|^django .*could not be audited" var/pip-audit.log; then \
		printf '\n  !! SKIPPED: pip-audit cannot reach its database of known weaknesses.\n\n' >&2; \
	elif [ $$found != 0 ]; then cat var/pip-audit.log >&2; exit 1; fi

# Text templates of email are laid out by hand: each of their line ends is sent.
format: $(VENV)/test.stamp
	@$(PY) -m ruff check --fix-only --quiet
	@$(PY) -m ruff format --quiet
	@$(VENV)/bin/djangofmt check --fix --quiet templates
	@$(VENV)/bin/djangofmt --quiet templates
	@for sheet in static/css/*.css; do $(CSS_FORMAT) --replace $$sheet >/dev/null; done

# Run it alone on the machine, or the numbers mean little: docs/performance.md.
bench: $(VENV)/demo.stamp
	@$(PY) -m benchmarks

pictures: $(VENV)/test.stamp
	@CHROMIUM="$$($(PY) -m tests.browser.chromium)" && export CHROMIUM && $(PY) -m docs.pictures

# The .in files name what we use, the .txt files everything that comes along, the same on every system. Versions change
# only where an .in file says so, unless you delete the .txt files first.
COMPILE = $(VENV)/bin/uv pip compile --quiet --native-tls --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --custom-compile-command "make requirements"
requirements:
	@test -x $(VENV)/bin/uv || $(MAKE) --no-print-directory $(VENV)/test.stamp
	@$(COMPILE) requirements-test.in -o requirements-test.txt
	@$(COMPILE) -c requirements-test.txt requirements-demo.in -o requirements-demo.txt
	@$(COMPILE) -c requirements-test.txt requirements.in -o requirements.txt
	@$(MAKE) --no-print-directory $(VENV)/test.stamp
	@$(PY) -m docs.packages

$(VENV)/demo.stamp: requirements.txt requirements-demo.txt | $(VENV)/bin/python
	@echo "Installing the demo's packages. This takes a minute or two, but only once ..."
	@$(call install,requirements-demo.txt)

$(VENV)/test.stamp: requirements.txt requirements-demo.txt requirements-test.txt | $(VENV)/bin/python
	@echo "Installing the tests' packages. This takes a few minutes, but only once ..."
	@$(call install,requirements-test.txt)
	@touch $(VENV)/demo.stamp

$(VENV)/bin/python:
	@command -v "$(PYTHON)" >/dev/null || \
		{ echo "$(PYTHON) was not found. Install Python 3.11 or newer, or choose one with PYTHON=..." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$$("$(PYTHON)" -V 2>&1) is too old. Install Python 3.11 or newer, or choose one with PYTHON=..." >&2; exit 1; }
	@rm -rf $(VENV)
	@"$(PYTHON)" -m venv $(VENV) >/dev/null 2>&1 || { rm -rf $(VENV); \
		echo "$(PYTHON) cannot create a virtual environment. Install its venv package (Debian: python3-venv)." >&2; exit 1; }

# Only until the first release: rewrite each app's 0001_initial from its models. The named migrations stay; they move to
# var/ for a moment, because Django can't load them without the first one. The trigram indexes need core's extension.
APPS = imagine/core imagine/mail imagine/accounts partners summit imagine/privacy
ASIDE = var/migrations

migrations: $(VENV)/test.stamp
	@for app in $(APPS); do \
		mkdir -p $(ASIDE)/$$app && rm -f $$app/migrations/0001_initial.py && \
		find $$app/migrations -name '0*.py' -exec mv {} $(ASIDE)/$$app/ \; || exit 1; \
	done
	@$(THROWAWAY) $(PY) -W ignore manage.py makemigrations -v 0 --no-header -n initial $(notdir $(APPS)); written=$$?; \
	for app in $(APPS); do find $(ASIDE)/$$app -name '0*.py' -exec mv {} $$app/migrations/ \; ; done; exit $$written
	@for app in partners summit; do \
		sed -i.old -e '/dependencies = \[/a\' -e '        ("core", "0002_trigram_extension"),' \
			$$app/migrations/0001_initial.py && rm $$app/migrations/0001_initial.py.old; \
	done
	@$(THROWAWAY) $(PY) -W ignore manage.py makemigrations --check --dry-run

# Print nothing if all goes well, and an error message if not.
define install
if $(PIP) -r $(1) >$(VENV)/install.log 2>&1; then touch $@; \
elif grep -qE "Retrying|from versions: none|ProxyError|Connection" $(VENV)/install.log; then \
	echo "The packages could not be installed: the package index cannot be reached. Details: $(VENV)/install.log" >&2; \
	exit 1; \
else \
	reason=$$(grep -m1 ERROR $(VENV)/install.log || tail -n 1 $(VENV)/install.log); \
	echo "A package could not be installed: $$reason" >&2; exit 1; \
fi
endef
