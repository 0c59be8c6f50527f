"""What is kept of where a sign-in comes from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.access.visit import Visit


@pytest.mark.parametrize(
    ("address", "network", "host"),
    [
        ("192.0.2.7", "192.0.2.0/24", "192.0.2.7/32"),
        ("::ffff:192.0.2.7", "192.0.2.0/24", "192.0.2.7/32"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/48", "fe80::/64"),
        ("testclient", "testclient", "testclient"),
        ("", "", ""),
    ],
)
def test_a_network_is_shown_and_a_host_is_counted(address: str, network: str, host: str) -> None:
    visit = Visit(address)
    assert (visit.network, visit.host) == (network, host)


@given(st.text(), st.text())
def test_whatever_a_client_sends_is_short_and_printable(address: str, agent: str) -> None:
    visit = Visit(address, agent)
    assert len(visit.network) <= 64
    assert len(visit.shown_agent) <= 120
    assert visit.shown_agent.isprintable()
