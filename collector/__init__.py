"""The edge: takes what browsers, phones and servers send, believes nothing, loses nothing. Start at `pipeline.py`."""
