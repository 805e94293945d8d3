-- What records are packed with (collector/log/packing.py), by the number in their frames. From here on a body may be a
-- zstd frame; crc is that of the body as it is kept.
create table dictionaries (
    dictionary integer primary key,
    body blob not null,
    crc integer not null
);
