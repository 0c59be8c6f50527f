"""Each fault that was found in use has tests named for its rule; a rule without one cannot come back unnoticed."""

import re

from tests.house_rules import names_of_tests

FINDINGS = {
    "a1": "what cannot be priced keeps counting at what was held until it is",
    "a2": "each field of a usage that makes sense is kept and priced, the bad one set aside with a remark",
    "a3": "a cumulative count that falls is a contradiction: the larger one stands, marked",
    "a4": "a reply that began has a prompt: while none is reported our estimate stands",
    "a5": "what was seen to happen is booked, such as searches of a reply that was cut",
    "a6": "tokens are estimated by script and model, central for costs and an upper bound for holds",
    "a7": "where something is not visible the figure is a lower bound and says so",
    "a8": "every place that tells a cost tells whether it is computed, estimated or unpriced",
    "b1": "only what was sent can cost; never connected costs 0 and says so",
    "b2": "sent and not answered costs 0 as an estimate, keeps its request id and is listed",
    "b3": "sums by model come from ledger lines, as the provider's own report does",
    "b4": "a ledger line is recorded when its transaction wrote it",
    "c1": "an end lives in memory until it is booked, and its reader gets it",
    "c2": "a spool that is read while it is written loses no end",
    "c3": "what lies in one's own folder and is not locked is one's own",
    "c4": "liveness is a beat seen to change, and who lost its row is fenced",
    "c5": "a refusal of the database is the group's, one that names a row is that member's",
    "c6": "a child holds three descriptors and dies with its parent, whose memory is private",
    "c7": "readiness tries what it promises",
    "c8": "no exception of a task goes without a log line",
    "c9": "limits hold for the whole answer, over everything it starts",
    "c10": "what is sure to fail is not tried, and a ping is not life",
    "d1": "a boundary is one in Python and in both databases, to the microsecond",
    "e1": "no figure is ever cut",
    "e2": "ids are keys, names are labels",
    "e3": "whose money it was and whose key paid is in the books and everywhere they are read",
    "e4": "a budget shows from where on it refuses whom, and counts refusals",
    "e5": "what a person typed is shown as typed, and nobody's text is an instruction",
    "e6": "a sentence says what is so, to whom it concerns",
    "e7": "what is drawn does not grow with the history",
    "f1": "tools, streams and turns ask for a person's standing at each use",
    "f2": "what a token for some agents gets is what their traces sum to",
    "f3": "consent to tools is a permission of its own for tokens",
    "f4": "leaving ends the session and is ours to check",
    "f5": "where there are ciphertexts no key file is made, and what fails leaves what was",
    "g1": "Streamlit's own routes need a live session and have caps",
    "h1": "limits come first, and files are read in bounded workers",
    "h2": "a turn opens before its servers of tools are connected",
    "h3": "what cannot be answered is refused before it is booked",
    "i1": "each request of the first system runs as it stands",
    "i2": "a POST that names where it was goes on there",
    "i3": "an outcome told as “try again” frees its key",
    "i4": "every door tells that somebody is waited for",
    "i5": "a program never gets a page, and conventions hold",
    "j1": "operating commands are commands of the product",
    "k1": "no test depends on the hour, the day or the zone of the machine",
    "l1": "a reference that is gone is said and chosen again by a person",
    "l2": "each refusal's own advice and button lead to its end, and unsent text survives",
    "l3": "an open page notices that what it shows has changed",
    "l4": "what an address says is understood or complained of",
    "l5": "text is read in the encoding it says or shows",
    "l6": "a sentence names the true reason, and a button can succeed",
}


def test_every_finding_has_tests_named_for_it() -> None:
    tested = {found[1] for name in names_of_tests() if (found := re.match(r"test_([a-l]\d+)_", name))}
    assert tested == set(FINDINGS)
