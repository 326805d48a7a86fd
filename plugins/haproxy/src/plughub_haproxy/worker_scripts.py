"""Configuration lines for service worker scripts."""

from __future__ import annotations

from plughub_haproxy.route_file import MAP_NAME


def lines(condition: str) -> str:
    """Return the frontend lines that refuse service worker scripts outside the folder of their own route.

    A worker controls everything in the folder of its script. The folder of ``/user/ada`` is ``/user/``, which
    contains all other servers. Browsers refuse scripts whose path has an encoded slash.

    Args:
        condition: condition under which host routes apply; empty for always.
    """
    host = "req.hdr(host),host_only,lower,url_enc,concat(,txn.folder)"
    found = f"map_beg({MAP_NAME}),field(4,|) if worker_script"
    return f"""
    acl worker_script req.hdr(Service-Worker) -m found
    http-request set-var(txn.folder) path,regsub([^/]*$,),url_dec,url_enc if worker_script
    http-request set-var(txn.there) {host} {condition or "if"} worker_script
    http-request set-var(txn.around) var(txn.there),{found}
    http-request set-var(txn.around) var(txn.folder),{found} !{{ var(txn.around) -m found }}
    http-request deny deny_status 403 if worker_script !{{ var(txn.to),field(4,|),strcmp(txn.around) eq 0 }}
""".strip("\n")
