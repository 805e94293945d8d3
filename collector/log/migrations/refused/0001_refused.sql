-- autoincrement: an id is never given twice, so "after this id" stays true when the newest rows were settled.
-- bytes: about what the row takes on disk, for the cap on size.
create table refused (
    refusal_id integer primary key autoincrement,
    received_at_ms integer not null,
    bytes integer not null,
    source text not null,
    reason text not null,
    detail text not null,
    body blob not null
);
