"""Scripts of service workers: lines of the configuration."""

from __future__ import annotations

from plughub_haproxy.route_file import MAP_NAME


def lines(condition: str) -> str:
    """Refuse scripts of service workers that are not in the folder of their own route.

    A worker answers for all that is in the folder of its script, and that of ``/user/ada`` is ``/user/``,
    with all other servers in it. Browsers take no script whose path has an encoded slash.

    Args:
        condition: when routes of hosts hold; empty for always.

    Returns:
        Lines for a frontend that knows ``txn.to``.
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
