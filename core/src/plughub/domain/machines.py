"""The machines on which hubs, proxies and servers run, and what a proxy reaches from its own."""

from __future__ import annotations

from dataclasses import dataclass

from plughub.domain.ip_addresses import leads_to_loopback


@dataclass(frozen=True, slots=True)
class Machines:
    """Where the processes of the hub and its proxy run.

    Attributes:
        proxy: the machine of the proxy; empty when all hubs share one, wherever it runs.
        hubs: the machines on which hub processes are alive.
    """

    proxy: str = ""
    hubs: frozenset[str] = frozenset()

    def reaches(self, url: str, host: str) -> bool:
        """Tell whether the proxy gets to what listens at an address on a machine, and to nothing else.

        At a loopback address every machine has something else. A proxy that all hubs share may be on
        any machine: such an address is right for it only while there is one machine.

        Args:
            url: the address.
            host: the machine; empty when the address means the same on all.

        Returns:
            False when the address leads elsewhere.
        """
        if not host or not leads_to_loopback(url):
            return True
        return host == self.proxy if self.proxy else self.hubs <= {host}

    def may_differ(self, url: str, host: str) -> bool:
        """Tell whether there may be a proxy that does not get to what listens at an address.

        Args:
            url: the address.
            host: the machine; empty when the address means the same on all.

        Returns:
            True for a loopback address when hubs run on other machines, too.
        """
        return bool(host) and leads_to_loopback(url) and not self.hubs <= {host}
