"""What any process of ours needs to be a process: clock, files, doorbells, metrics, logs. Imports nothing of ours."""
