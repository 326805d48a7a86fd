"""Crash tests: kill a hub at every step of an action, restart it, and check what must always hold.

The steps are discovered, not listed: `points` records every commit and every hook call during an action;
`matrix` repeats the action and kills the hub at each of these steps in turn.
"""
