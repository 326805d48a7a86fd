"""Starting and stopping servers: steps that are written down before they touch the world.

`runner` takes operations up, `job` is one of them in the hands of this process, `start` and `stop`
are their steps, `failing` says why a start failed.
"""
