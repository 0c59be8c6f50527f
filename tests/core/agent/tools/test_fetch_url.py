"""Public pages are read as text; nothing else can be reached, whichever way it is asked for."""

import socket
import ssl
import tracemalloc
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
import trustme

from core.agent.tools.fetch_url import fetch_url
from core.agent.tools.pinned import Reach
from tests.core.agent.tools.asking import run
from tests.core.agent.tools.test_public_address import INSIDE
from tests.core.agent.tools.web import HERE, Names, Site, fetch, open_site, reach, zipped


@pytest.fixture
def site() -> Iterator[Site]:
    with open_site() as site:
        yield site


def test_a_page_is_read_as_text(site: Site) -> None:
    url = site.page(
        "/", b"<title>News</title><p>One <b>thing</b>.<script>alert(1)</script>", "text/html; charset=utf-8"
    )
    outcome = fetch(url)
    assert (outcome.text, outcome.failure) == (f"{url}\n\nNews\nOne thing.", None)


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/plain", "Grüße".encode(), "Grüße"),
        ("text/plain; charset=latin-1", "Grüße".encode("latin-1"), "Grüße"),
        ("text/plain; charset=no-such", "Grüße".encode(), "Grüße"),
        ("application/json", b'{"a": 1}', '{"a": 1}'),
        ("application/ld+json", b"{}", "{}"),
        ("text/csv", b"a,b\n1,2", "a,b\n1,2"),
        ("text/html", b"", "The page has no text."),
    ],
)
def test_text_of_many_kinds_is_read(site: Site, kind: str, body: bytes, text: str) -> None:
    assert fetch(site.page("/", body, kind)).text.partition("\n\n")[2] == text


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", "application/pdf", "video/mp4", ""])
def test_what_is_not_text_is_refused(site: Site, kind: str) -> None:
    outcome = fetch(site.page("/", b"\x89PNG", kind))
    assert (outcome.failure, "other text can be read" in outcome.text) == ("failed", True)


def test_an_error_of_the_server_is_told(site: Site) -> None:
    outcome = fetch(site.at("site.test", "/nothing"))
    assert (outcome.failure, "404 Not Found" in outcome.text) == ("failed", True)


def test_the_server_sees_the_name_and_no_cookie_of_an_earlier_page(site: Site) -> None:
    url = site.page("/", b"a", set_cookie="a=b")
    fetch(url)
    fetch(url)
    headers = site.seen[1][1]
    assert headers["Host"] == f"site.test:{site.port}"
    assert not {"Cookie", "Authorization", "Referer"} & set(headers)


@pytest.mark.parametrize("address", INSIDE)
def test_a_name_that_leads_inside_is_refused(site: Site, address: str) -> None:
    names = Names({"evil.test": [[address]]})
    outcome = run(fetch_url(Reach(ports=range(65_536), resolve=names.resolve)), {"url": site.at("evil.test")})
    assert (outcome.failure, site.seen) == ("failed", [])
    assert "not on the public internet" in outcome.text
    assert address not in outcome.text


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001"),
        *("0x7f.1", "0177.0.0.1", "0", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
        *("[0:0:0:0:0:ffff:127.0.0.1]", "[fe80::1]", "169.254.169.254", "2852039166", "0xa9fea9fe", "10.0.0.1"),
    ],
)
def test_t6_every_spelling_of_an_inner_address_is_refused(site: Site, host: str) -> None:
    outcome = run(fetch_url(Reach(ports=range(65_536))), {"url": site.at(host)})
    assert (outcome.failure, site.seen) == ("failed", [])


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "ftp://site.test/", "gopher://site.test/", "data:text/plain,hi", "//site.test/", ""),
        *(
            "site.test",
            "http://",
            "http:///path",
            "http://[::1",
            "http://site.test:99999/",
            "http://a\tb/",
            "about:blank",
        ),
        *(
            "http://①②⑦.⓪.⓪.①/",
            "http://user@site.test/",
            "http://user:pass@site.test/",
            "http://site.test\\@127.0.0.1/",
        ),
        *(
            "http://site.test@127.0.0.1/",
            "http://127.0.0.1%00.site.test/",
            f"http://{'a' * 300}.test/",
            "http://\ud800/",
        ),
        *("http://unknown.test/", "http://" + "a" * 100_000),
    ],
)
def test_an_address_that_cannot_be_read_is_refused(site: Site, url: str) -> None:
    outcome = fetch(url)
    assert (outcome.failure, site.seen) == ("failed", [])
    assert len(outcome.text) < 300


@pytest.mark.parametrize("port", [0, 22, 25, 6379, 8080])
def test_only_the_usual_ports_are_used(port: int) -> None:
    outcome = run(fetch_url(Reach(allowed=lambda _: True)), {"url": f"http://127.0.0.1:{port}/"})
    assert f"Port {port} may not be used" in outcome.text


@pytest.mark.parametrize(
    "target",
    [
        *("http://inside.test/", "http://10.0.0.1/", "http://[::1]/", "http://2130706433/", "//inside.test/secret"),
        *(
            "file:///etc/passwd",
            "http://user:pass@site.test/",
            "gopher://site.test/",
            "http://[bad",
            "http://unknown.test/",
        ),
    ],
)
def test_t6_a_redirect_is_looked_at_like_the_first_address(site: Site, target: str) -> None:
    names = Names({"site.test": [[HERE]], "inside.test": [["10.0.0.1"]], "2130706433": [["127.0.0.9"]]})
    names.known |= {"10.0.0.1": [["10.0.0.1"]], "::1": [["::1"]]}
    outcome = fetch(site.redirect("/go", target), reach(names))
    assert outcome.failure == "failed"
    assert [path for path, _ in site.seen] == ["/go"]


def test_a_redirect_within_reach_is_followed(site: Site) -> None:
    site.page("/there", b"Here.")
    outcome = fetch(site.redirect("/go", "/there"))
    assert outcome.text == f"{site.at('site.test', '/there')}\n\nHere."


def test_redirects_in_a_circle_end(site: Site) -> None:
    outcome = fetch(site.redirect("/go", "/go"))
    assert "redirect" in outcome.text
    assert len(site.seen) == 6


def test_t6_a_name_that_changes_its_address_is_looked_up_once(site: Site) -> None:
    names = Names({"site.test": [[HERE], ["127.0.0.2"]]})
    with open_site("127.0.0.2", site.port) as other:
        assert fetch(site.page("/", b"The first."), reach(names)).text.endswith("The first.")
    assert (names.asked, other.seen) == (["site.test"], [])


def test_one_inner_address_among_others_is_enough_to_refuse(site: Site) -> None:
    names = Names({"site.test": [[HERE, "10.0.0.1"]]})
    assert fetch(site.page("/", b""), reach(names)).failure == "failed"
    assert site.seen == []


def test_the_next_address_is_tried_if_one_does_not_answer(site: Site) -> None:
    names = Names({"site.test": [["127.0.0.3", HERE]]})
    assert fetch(site.page("/", b"Here."), reach(names, HERE, "127.0.0.3")).text.endswith("Here.")


def test_a_long_page_is_read_in_parts(site: Site) -> None:
    url = site.page("/", b"0123456789" * 3_000)
    first, last, beyond = fetch(url), fetch(url, start=24_000), fetch(url, start=10**9)
    assert first.text.endswith("[Characters 0 to 12,000 of 30,000. Ask again with start=12000 for what follows.]")
    assert last.text.endswith("789\n[Characters 24,000 to 30,000 of 30,000.]")
    assert beyond.text.endswith("[Characters 30,000 to 30,000 of 30,000.]")


def test_a_flood_is_cut_off(site: Site) -> None:
    outcome = fetch(site.page("/", b"x" * 50_000_000), start=2_000_000)
    assert "of 2,000,000 that were read of a longer page" in outcome.text
    assert site.read == []


def test_a_flood_that_was_packed_small_is_cut_off(site: Site) -> None:
    url = site.page("/", zipped(300_000_000), content_encoding="gzip")
    tracemalloc.start()
    outcome = fetch(url, start=2_000_000)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "of 2,000,000 that were read of a longer page" in outcome.text
    assert most < 30_000_000


def test_the_body_of_a_redirect_is_not_read(site: Site) -> None:
    site.page("/there", b"Here.")
    assert fetch(site.redirect("/go", "/there", b"x" * 50_000_000)).text.endswith("Here.")
    assert "/go" not in site.read


def test_a_broken_encoding_is_told(site: Site) -> None:
    outcome = fetch(site.page("/", b"not gzip", content_encoding="gzip"))
    assert "did not answer as it should (DecodingError)" in outcome.text


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server((HERE, 0)) as silent:
        url = f"http://site.test:{silent.getsockname()[1]}/"
        assert fetch(url, reach(seconds=0.1)).text == "The server takes too long to answer."


def test_the_certificate_must_be_the_names(site: Site) -> None:
    authority = trustme.CA()
    trust, tls = ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.configure_trust(trust)
    authority.issue_cert("site.test").configure_cert(tls)
    names = Names({"site.test": [[HERE]], "other.test": [[HERE]]})
    with open_site(tls=tls) as secure:
        secure.page("/", b"Secret.")
        secure.redirect("/go", secure.at("other.test").replace("http:", "https:"))
        urls = [secure.at(host).replace("http:", "https:") for host in ("site.test", "other.test")]
        urls.append(f"{urls[0]}go")
        own, other, moved = (fetch(url, reach(names, trust=lambda: trust)) for url in urls)
    assert own.text.endswith("Secret.")
    assert (other.failure, moved.failure) == ("failed", "failed")
    assert [path for path, _ in secure.seen] == ["/", "/go"]


def test_the_public_internet_is_what_may_be_reached_unless_said_otherwise() -> None:
    usual = Reach()
    assert usual.allowed(ip_address("1.1.1.1"))
    assert not usual.allowed(ip_address(HERE))
    assert {80, 443} == usual.ports
