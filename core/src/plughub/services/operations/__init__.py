"""Operations: starts and stops of servers, in phases that are stored before they are executed.

`runner` claims operations, `job` is one of them while this process executes it, `start` and `stop` hold
the phases, `start_failures` describes why a start failed.
"""
