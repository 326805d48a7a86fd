"""Machines of hubs, proxies and servers, and the addresses that a proxy reaches."""

from __future__ import annotations

from dataclasses import dataclass

from plughub.domain.ip_addresses import leads_to_loopback


@dataclass(frozen=True, slots=True)
class Machines:
    """Machines of the hub processes and of the proxy.

    Attributes:
        proxy: the machine of the proxy; empty if all hub processes share one proxy on any machine.
        hubs: the machines with live hub processes.
    """

    proxy: str = ""
    hubs: frozenset[str] = frozenset()

    def reaches(self, url: str, host: str) -> bool:
        """Return whether the proxy reaches the right process at an address of a machine.

        A loopback address refers to a different process on every machine. A shared proxy may run on any
        machine, so a loopback address is correct for it only while there is one machine.

        Args:
            url: the address.
            host: the machine; empty if the address means the same on all machines.
        """
        if not host or not leads_to_loopback(url):
            return True
        return host == self.proxy if self.proxy else self.hubs <= {host}

    def may_differ(self, url: str, host: str) -> bool:
        """Return whether a proxy may exist that does not reach an address.

        Args:
            url: the address.
            host: the machine; empty if the address means the same on all machines.

        Returns:
            True for a loopback address if hub processes run on other machines as well.
        """
        return bool(host) and leads_to_loopback(url) and not self.hubs <= {host}
