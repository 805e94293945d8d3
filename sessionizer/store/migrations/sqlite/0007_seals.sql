-- From here on, what is kept of a visitor ends in a seal (`sqlite_seals.py`).
update visitors set record = seal(record, key, 0);
update chunks set refs = seal(refs, visitor, number);
update slices set slice = seal(slice, visitor, number);
update sessions set session = seal(session, visitor, number);
