"""The commands of `ariane`, one a file. Each opens what it needs, passes it on, and says what to do when it cannot.

Modules here are imported to print `ariane --help`, so at their top they import nothing heavy: no aiohttp, no database.
"""
