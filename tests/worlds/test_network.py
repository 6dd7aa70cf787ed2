"""What is promised of synthetic traffic: network."""

from __future__ import annotations

import ipaddress

import numpy as np
import pytest

from stillhunt.worlds import network
from stillhunt.worlds.ids import mix

KINDS = [
    network.HOME,
    network.MOBILE,
    network.VPN,
    network.CLOUD,
    network.EGRESS,
    network.OFFICE,
    network.HOSTING,
]


@pytest.mark.parametrize("kind", KINDS)
def test_addresses_belong_to_their_country_and_to_nobody_real(kind: int) -> None:
    """
    Addresses of every kind lie in 240.0.0.0/4 and map back to their country and a private system
    number.
    """
    country = np.arange(2400) % len(network.COUNTRIES)
    ip = network.address(kind, country, mix(np.arange(2400)))
    assert (network.country_of(ip) == country).all()
    assert all(ipaddress.ip_address(int(v)) in ipaddress.ip_network("240.0.0.0/4") for v in ip)
    assert ((network.asn_of(ip) >= 4_200_000_000) & (network.asn_of(ip) < 4_294_967_295)).all()


def test_shared_networks_are_crowded_and_homes_are_not() -> None:
    """Two thousand phones of one country share under 200 addresses; as many homes hardly share any."""
    country, keys = np.zeros(2000, dtype=np.int64), mix(np.arange(2000))
    assert len(np.unique(network.address(network.MOBILE, country, keys))) < 200
    assert len(np.unique(network.address(network.HOME, country, keys))) > 1950


def test_neighbours_share_their_24() -> None:
    """A moved home address keeps its /24."""
    ip = network.address(network.HOME, np.zeros(100, dtype=np.int64), mix(np.arange(100)))
    assert (network.neighbour(ip, mix(np.arange(100), 9)) >> 8 == ip >> 8).all()
