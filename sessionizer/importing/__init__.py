"""From rows of a file (a till, a CRM, an old history) to events as Segment's HTTP API spells them.

`rows.py` reads rows, `mapping.py` says which column is what, `naming.py` gives a row without an id a name of its own,
`batches.py` packs events for sending. Nothing here opens a file, or knows where events go.
"""
