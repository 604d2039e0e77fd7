"""Which network addresses belong to the public net; everything else is somebody's inside."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # RFC 4291, 2.4: all that is handed out
# The address of an IPv4 host in its low 32 bits (RFC 6052; RFC 4291, 2.5.5.1 and 2.5.5.2).
_CARRIES_IPV4 = (
    ipaddress.IPv6Network("64:ff9b::/96"),  # NAT64
    ipaddress.IPv6Network("::ffff:0:0/96"),  # IPv4-mapped
)
# Not global by IANA's registries of special purposes (RFC 6890 and later), and taken for global by
# some of the Python versions that we run on.
_SPECIAL = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # RFC 6890: protocol assignments
        "192.88.99.0/24",  # RFC 7526: 6to4 relays, withdrawn
        "2001::/23",  # RFC 2928: protocol assignments, Teredo among them
        "2001:db8::/32",  # RFC 3849: documentation
        "3fff::/20",  # RFC 9637: documentation
    )
)


def is_public(address: Address) -> bool:
    """Whether a host on the public net may have this address.

    Not: this machine, private and shared ranges, link-local ones (the metadata services of clouds
    among them), multicast, reserved and documentation ranges; nor any of these carried inside an IPv6
    address (mapped, NAT64, 6to4, Teredo).
    """
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in _CARRIES_IPV4):
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address.sixtofour is not None and not is_public(address.sixtofour):
            return False
        if address not in _GLOBAL_UNICAST:
            return False
    special = any(address in network for network in _SPECIAL if network.version == address.version)
    return address.is_global and not (special or address.is_multicast or address.is_reserved)
