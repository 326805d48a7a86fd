"""Killing a hub at every step, and looking at the world after the next one has started.

The steps are found, not listed: `points` notes every commit and every hook call while something is done;
`matrix` does it again and again and kills the hub at each of them in turn.
"""
