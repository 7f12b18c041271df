"""Logs that trainings of any program leave behind: how each kind is told from data, and read.

    events.py          event files of TensorBoard
    trainer_state.py   trainer_state.json of Hugging Face
    table.py           a history as CSV, TSV or JSON lines; luban's own too
    _columns.py        which column says what, by its name
    _tracing.py        from rows to a `Trace`

A kind of log is a file here that defines `log`, a `luban.protocols.Log`; those whose names begin with `_` are none.
"""
