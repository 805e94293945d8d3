-- What a few hundred neighbouring events of a long slice sum up to, so that it can be parted without reading them. Slices
-- from before have none: their events are read.
create table runs (
    visitor integer not null,
    number integer not null,
    run blob not null,
    primary key (visitor, number)
) without rowid;
