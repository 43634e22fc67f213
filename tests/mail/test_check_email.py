"""`manage.py check_email` against a DNS server on this machine."""

import base64
import io
from ipaddress import ip_address

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import CommandError, call_command

from imagine.mail.sender_checks import spf
from imagine.mail.sender_checks.lookup import Lookup, Unanswered
from tests.dns_server import FAILS, SILENT, NameServer

RELAY = "198.41.0.4"  # must be a public address; nothing is sent there
RELAY_REVERSE = "4.0.41.198.in-addr.arpa"


@pytest.fixture
def names():
    server = NameServer()
    yield server
    server.stop()


@pytest.fixture
def district(names, settings):
    """A domain with complete DNS records."""
    settings.MAIL_FROM = "Imagine Promise <promise@district.example>"
    settings.MAIL_REPLY_TO = "office@district.example"
    if hasattr(settings, "EMAIL_FILE_PATH"):
        del settings.EMAIL_FILE_PATH
    settings.EMAIL_HOST = "mail.district.example"
    names.records |= {
        ("district.example", "MX"): ["10 in.district.example."],
        ("in.district.example", "A"): ["198.41.0.5"],
        ("mail.district.example", "A"): [RELAY],
        (RELAY_REVERSE, "PTR"): ["mail.district.example."],
    }
    names.text("district.example", "site-verification=1", "v=spf1 mx ip4:198.41.0.4 include:service.example -all")
    names.text("imagine.district.example", "v=spf1 redirect=district.example")
    names.text("service.example", "v=spf1 ip6:2001:500::/32 ~all")
    names.text("_dmarc.district.example", "v=DMARC1; p=quarantine; rua=mailto:dmarc@district.example")
    names.text("s1._domainkey.district.example", f"v=DKIM1; k=rsa; p={rsa_key(2048)}")
    return names


def rsa_key(bits: int) -> str:
    return encoded(rsa.generate_private_key(65537, bits).public_key())


def encoded(key) -> str:
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def run(names: NameServer, *options: str) -> tuple[bool, str]:
    """Return whether nothing is missing, and the command's output."""
    out = io.StringIO()
    try:
        call_command("check_email", "--name-server", names.place, *options, stdout=out)
    except CommandError as error:
        return False, f"{out.getvalue()}{error}"
    return True, out.getvalue()


def test_complete_domain_passes_every_check(district):
    is_complete, output = run(district, "--dkim-selector", "s1")
    assert is_complete
    assert output.count("OK:") == 10
    assert "takes 2 of at most 10 lookups" in output
    assert output.endswith("Nothing is missing.\n")


def test_bare_domain_lists_everything_that_is_missing(district, settings):
    settings.MAIL_FROM = settings.MAIL_REPLY_TO = "promise@bare.example"
    district.text("bare.example", "site-verification=1")
    is_complete, output = run(district, "--dkim-selector", "s1", "--sending-address", "198.41.0.9")
    assert not is_complete
    for sentence in [
        "Missing: bare.example has no SPF record. Ask the IT department to publish one",
        "Missing: There is no DKIM key at s1._domainkey.bare.example.",
        "Missing: bare.example has no DMARC record",
        "Missing: No server takes email for bare.example, so bounces get lost.",
        "Missing: No server takes email for bare.example, so replies get lost.",
        "Missing: 198.41.0.9 has no reverse name (PTR).",
        "6 missing, 0 not checked.",
    ]:
        assert sentence in output


def test_unknown_domain_is_reported_without_further_checks(district, settings):
    """The name server may only know the internal network, so nothing else is reported as missing."""
    settings.MAIL_FROM = "promise@distrct.example"
    is_complete, output = run(district)
    assert not is_complete
    assert (
        "Missing: The name server doesn't know the domain distrct.example of MAIL_FROM. Check the spelling." in output
    )
    assert "SPF: " not in output
    settings.MAIL_REPLY_TO = "office@distrct.example"
    assert "the domain distrct.example of MAIL_REPLY_TO" in run(district)[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        (["v=spf1 -all", "V=SPF1 mx -all"], "has 2 SPF records, so receivers ignore all of them"),
        (["v=spf1 ip4:198.41.0.0/24 +all"], "ends in +all: anyone may send email in the district's name"),
        (["v=spf1 ip4:198.41.0.0/24 ?all"], "says nothing about servers that it doesn't list"),
        (["v=spf1 ip4:198.41.0.0/24"], "says nothing about servers that it doesn't list"),
        (["v=spf1 ip4:198.41.0.300 -all"], "a part that can't be read (ip4:198.41.0.300)"),
        (["v=spf1 include: -all"], "a part that can't be read (include:)"),
        (["v=spf1 redirect=a.example redirect=b.example"], "more than one redirect= in its SPF record"),
        (["v=spf1 ip4:198.41.0.0/33 -all"], "a part that can't be read"),
        (["v=spf1 sender=\x1b[2J\x07 hello\x1b[31m -all"], "a part that can't be read (hello?[31m)"),
        (
            ["v=spf1 include:nowhere.example -all"],
            "includes nowhere.example, which has none, so receivers ignore all of it",
        ),
        (["v=spf1 include:loop.example -all"], "includes that of district.example, which includes itself"),
        (["v=spf1 include:deep0.example -all"], "takes more than 10 lookups"),
        (["v=spf1 " + "a:x.example " * 11 + "-all"], "takes more than 10 lookups"),
        (["v=spf1 include:twice.example -all"], "includes twice.example, which has 2 SPF records"),
    ],
)
def test_faulty_spf_records_are_reported(district, records, sentence):
    district.text("district.example", *records)
    district.text("loop.example", "v=spf1 redirect=district.example")
    district.text("twice.example", "v=spf1 -all", "v=spf1 ~all")
    for number in range(12):
        district.text(f"deep{number}.example", f"v=spf1 include:deep{number + 1}.example -all")
    is_complete, output = run(district)
    assert not is_complete
    assert sentence in output
    assert output.replace("\n", "").isprintable()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("record", "address", "result"),
    [
        ("v=spf1 ip4:198.41.0.0/24 -all", "198.41.0.77", "+"),
        ("v=spf1 ip4:198.41.0.0/24 -all", "198.41.1.77", "-"),
        ("v=spf1 ip6:2001:500::/32 ~all", "2001:500::1", "+"),
        ("v=spf1 ip6:2001:500::/32 ~all", "198.41.0.77", "~"),
        ("v=spf1 -ip4:198.41.0.77 ip4:198.41.0.0/24 -all", "198.41.0.77", "-"),
        ("v=spf1 a:mail.district.example -all", RELAY, "+"),
        ("v=spf1 a:mail.district.example/24 -all", "198.41.0.200", "+"),
        ("v=spf1 mx -all", "198.41.0.5", "+"),
        ("v=spf1 mx:other.example -all", "198.41.0.5", "-"),
        ("v=spf1 include:service.example -all", "2001:500::1", "+"),
        ("v=spf1 include:service.example ?all", "198.41.0.5", "?"),  # its ~all doesn't match
        ("v=spf1 redirect=service.example", "198.41.0.5", "~"),
        ("v=spf1 redirect=nowhere.example -all exp=why.example", "198.41.0.5", "-"),  # ignored because of the all
        ("v=spf1 exists:mail.district.example -all", "198.41.0.5", "+"),
        ("v=spf1 ptr -all", "198.41.0.5", "-"),
        ("v=spf1", "198.41.0.5", "?"),
    ],
)
def test_spf_record_is_evaluated_for_an_address(district, record, address, result):
    district.text("district.example", record)
    spf_record = spf.SpfRecord(Lookup(district.place), "district.example")
    spf_record.follow()
    assert spf_record.evaluate("district.example", ip_address(address)) == result


def test_spf_record_must_cover_the_sending_address(district):
    district.text("district.example", "v=spf1 ip4:198.41.0.9 -all")
    is_complete, output = run(district)
    assert not is_complete
    assert f"doesn't cover {RELAY}, the address of the mail server. Ask the IT department which address" in output
    is_complete, output = run(district, "--sending-address", RELAY)
    assert f"doesn't cover {RELAY}. Ask the IT department to add it" in output
    district.records["9.0.41.198.in-addr.arpa", "PTR"] = ["out.district.example."]
    district.records["out.district.example", "A"] = ["198.41.0.9"]
    is_complete, output = run(district, "--sending-address", "198.41.0.9", "--dkim-selector", "s1")
    assert is_complete, output


def test_spf_record_with_macros_is_reported_as_unknown(district):
    district.text("district.example", "v=spf1 exists:%{i}.allow.example -all")
    is_complete, output = run(district)
    assert is_complete
    assert "Unknown: We can't see whether the SPF record of district.example covers" in output
    assert "Nothing is missing that can be seen from here; 2 can't." in output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ("v=DKIM1; p=", "was revoked"),
        ("v=DKIM1; t=y:s; p=AAAA", "only a test"),
        ("v=DKIM1; p=AAAA", "can't be read"),
        ("v=DKIM1; p=\x1b]0;owned\x07", "can't be read"),
        ("v=DKIM1; k=\x1b[31mdsa; p=AAAA", "can't be read (?[31mdsa)"),
        ("v=DKIM1; p=" + "A" * 20_000, "can't be read"),
        ("k=rsa", "There is no DKIM key"),
        ("\xff\x00" * 400, "There is no DKIM key"),
    ],
)
def test_unusable_dkim_keys_are_reported(district, record, sentence):
    district.text("s1._domainkey.district.example", record.encode("latin-1"))
    is_complete, output = run(district, "--dkim-selector", "s1")
    assert not is_complete
    assert sentence in output
    assert "\x1b" not in output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "is_complete", "sentence"),
    [
        (lambda: rsa_key(1024), True, "of 1024 bits. A new one should have 2048."),
        (lambda: rsa_key(3072), True, "of 3072 bits."),
        (lambda: encoded(ed25519.Ed25519PrivateKey.generate().public_key()), False, "can't be read (rsa)"),
    ],
)
def test_dkim_key_type_and_length_are_checked(district, key, is_complete, sentence):
    district.text("s1._domainkey.district.example", f"p={key()}")
    assert run(district, "--dkim-selector", "s1")[0] == is_complete
    assert sentence in run(district, "--dkim-selector", "s1")[1]


def test_short_dkim_key_is_reported(district):
    lines = (
        "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMhGLmYDgw8V5BKxR1BkYDKbdyDMHN4OLVoIWJm2qSl7jQ6mY5u5CSRp5oWr9nmdYcwXFHBw8S1z"
        "lKlWwVqRrH8CAwEAAQ=="
    )
    district.text("s1._domainkey.district.example", f"p={lines}")
    assert "has 512 bits, so receivers ignore it" in run(district, "--dkim-selector", "s1")[1]


def test_dkim_key_is_found_through_an_alias_or_the_parent_domain(district, settings):
    district.records["s2._domainkey.district.example", "CNAME"] = ["s1._domainkey.district.example."]
    district.text("e1._domainkey.district.example", "k=ed25519; p=AAAA")
    is_complete, output = run(district, "--dkim-selector", "s2", "--dkim-selector", "e1")
    assert is_complete
    assert "There is a DKIM key at s2._domainkey.district.example of 2048 bits." in output
    assert "There is a DKIM key at e1._domainkey.district.example (Ed25519)." in output
    settings.MAIL_FROM = "promise@imagine.district.example"
    assert "There is a DKIM key at s1._domainkey.district.example" in run(district, "--dkim-selector", "s1")[1]


def test_dkim_without_a_selector_is_reported_as_unknown(district):
    is_complete, output = run(district)
    assert is_complete
    assert "Unknown: We can't see whether email from district.example is signed" in output
    assert "Nothing is missing that can be seen from here; 1 can't." in output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        (["v=DMARC1; p=none; rua=mailto:a@b.example"], "says p=none: receivers deliver forged email all the same"),
        (["v=DMARC1; p=reject; pct=20; rua=mailto:a@b.example"], "applies to 20 percent of email only"),
        (["v=DMARC1; p=reject"], "asks for no reports (rua)"),
        (["v=DMARC1; rua=mailto:a@b.example"], "has no policy that can be read"),
        (["v=DMARC1; p=reject", "v=DMARC1; p=none"], "There are 2 DMARC records"),
        (["v=DMARC10; p=reject"], "has no DMARC record"),
        (["p=reject; v=DMARC1"], "has no DMARC record"),
    ],
)
def test_faulty_dmarc_records_are_reported(district, records, sentence):
    district.text("_dmarc.district.example", *records)
    is_complete, output = run(district)
    assert not is_complete
    assert sentence in output


def test_dmarc_record_of_the_parent_domain_applies(district, settings):
    settings.MAIL_FROM = "promise@imagine.district.example"
    assert "at _dmarc.district.example asks receivers to quarantine email" in run(district)[1]
    district.text("_dmarc.district.example", "v=DMARC1; p=reject; sp=none; rua=mailto:a@b.example")
    assert "at _dmarc.district.example says p=none" in run(district)[1]


def test_dkim_alignment_of_dmarc_is_explained(district):
    assert "A DKIM signature counts if it is of district.example or a domain above it." in run(district)[1]
    district.text("_dmarc.district.example", "v=DMARC1; p=reject; adkim=S; rua=mailto:a@b.example")
    assert "A DKIM signature counts if it is of district.example itself (adkim=s)." in run(district)[1]


def test_hostile_dmarc_report_address_is_sanitized(district):
    address = "x\x1b[2J" + "y" * 3000
    district.text("_dmarc.district.example", f"v=DMARC1; p=reject; rua=mailto:{address}")
    is_complete, output = run(district)
    assert is_complete
    assert "x?[2Jyyy" in output
    assert max(map(len, output.splitlines())) < 400


@pytest.mark.slow
@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        ({("district.example", "MX"): ["0 ."]}, "says that it takes no email, so bounces get lost"),
        ({("in.district.example", "A"): []}, "names mail servers that don't exist: in.district.example"),
        (
            {("district.example", "MX"): [r"5 e\027vil.example."]},
            "names mail servers that don't exist: e\\027vil.example",
        ),
    ],
)
def test_mx_records_that_lose_bounces_are_reported(district, records, sentence):
    district.records |= records
    is_complete, output = run(district)
    assert not is_complete
    assert sentence in output


def test_a_domain_without_mx_takes_email_itself(district):
    district.records |= {("district.example", "MX"): [], ("district.example", "A"): ["198.41.0.5"]}
    assert "so bounces go to the host itself" in run(district)[1]


def test_mismatched_reverse_name_is_reported(district):
    district.records[RELAY_REVERSE, "PTR"] = ["in.district.example."]
    is_complete, output = run(district)
    assert not is_complete
    assert f"The reverse name of {RELAY}, in.district.example, doesn't lead back to it." in output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("10.1.2.3", "10.1.2.3 is in the internal network, so we can't see which address email leaves from."),
        ("mail", "We can't see the address of mail: the name server doesn't know that name."),
        ("a..b", "We can't see the address of a..b: the name server doesn't know that name."),
    ],
)
def test_mail_server_without_a_known_address_is_reported_as_unknown(district, settings, host, sentence):
    settings.EMAIL_HOST = host
    is_complete, output = run(district)
    assert is_complete
    assert f"Unknown: {sentence}" in output
    assert "--sending-address" in output


def test_email_written_to_files_is_reported_as_unknown(district, settings):
    settings.EMAIL_FILE_PATH = "/anywhere"
    is_complete, output = run(district)
    assert is_complete
    assert "Unknown: EMAIL_URL writes email to files" in output


@pytest.mark.slow
@pytest.mark.parametrize("name", ["district.example", "_dmarc.district.example", "s1._domainkey.district.example"])
def test_name_server_error_fails_the_check(district, name):
    district.records[name, "TXT"] = FAILS
    is_complete, output = run(district, "--dkim-selector", "s1")
    assert not is_complete
    assert (
        f"Not checked: We couldn't look up {name} (TXT): the name server answered with an error. That doesn't" in output
    )
    assert "0 missing, 1 not checked." in output


def test_circular_alias_fails_the_check(district):
    del district.records["s1._domainkey.district.example", "TXT"]
    district.records["s1._domainkey.district.example", "CNAME"] = ["s2._domainkey.district.example."]
    district.records["s2._domainkey.district.example", "CNAME"] = ["s1._domainkey.district.example."]
    is_complete, output = run(district, "--dkim-selector", "s1")
    assert not is_complete
    assert "Not checked: We couldn't look up s1._domainkey.district.example (TXT)" in output


@pytest.mark.slow
def test_silent_name_server_times_out(names):
    names.records["district.example", "TXT"] = SILENT
    lookup = Lookup(names.place, question_seconds=0.2)
    with pytest.raises(Unanswered, match="no answer from the name server"):
        lookup.texts("district.example")
    lookup.deadline = 0
    with pytest.raises(Unanswered, match="took too long"):
        lookup.texts("other.example")


def test_each_dns_query_is_sent_once(district):
    run(district, "--dkim-selector", "s1")
    assert len(district.questions) == len(set(district.questions))


def test_mail_from_without_an_address_is_refused(district, settings):
    settings.MAIL_FROM = "Imagine Promise <promise@"
    is_complete, output = run(district)
    assert not is_complete
    assert output == "MAIL_FROM has no email address that can be read."


@pytest.mark.parametrize("option", ["--sending-address=mail.example.org", "--name-server=", "--name-server=x:y"])
def test_invalid_options_are_refused(district, option):
    with pytest.raises(CommandError):
        call_command("check_email", option, "--sending-address=nowhere")


def test_sendtestemail_sends_one_email(mail_server):
    call_command("sendtestemail", "ana@example.org")
    [email] = mail_server.emails
    assert email["To"] == "ana@example.org"
