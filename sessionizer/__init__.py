"""The mind: turns the event log into sessions, identities and profiles. Start at `pipeline.py`."""
