"""What does an address of the network tell? Whether it is this machine's own, and what counts as one peer."""

import ipaddress
import socket


def here(ip: str) -> bool:
    """Whether a connection could leave this machine from `ip`, asked of the kernel; it may be taken away a moment later."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((ip, 0))
    except OSError:
        return False
    return True


def plain(host: str) -> str:
    """A peer's address as credentials and traces know it: IPv4 without the IPv6 around it, no zone."""
    if ":" not in host:
        return host
    address = ipaddress.IPv6Address(host.partition("%")[0])
    return str(address.ipv4_mapped or address)


def neighbourhood(ip: str) -> str:
    """What counts as one peer: an IPv4 address, the /64 of an IPv6 address (one customer has all of it)."""
    try:
        address = plain(ip)
        return str(ipaddress.ip_network((address, 64), strict=False)) if ":" in address else address
    except ValueError:
        return ip  # no address but what a proxy said instead of one: a peer all the same
