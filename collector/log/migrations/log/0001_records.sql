-- One row a record. The position is the row id, so an append always goes to the end of the tree, the cheapest insert
-- there is. Positions are given by the writer, upwards from the highest there is, and never twice: whoever removes
-- records must leave the last one's position taken.
-- crc: CRC-32 (zlib) of the body.
create table records (
    position integer primary key,
    body blob not null,
    crc integer not null
);
