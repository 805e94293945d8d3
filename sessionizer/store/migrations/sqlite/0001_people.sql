-- One record a visitor: a device, or an event without one. Numbered as they come, so that a new one goes to the end of
-- the tree; looked up by key. What follows a visitor is clustered by its number.
create table visitors (
    visitor integer primary key,
    key text not null unique,
    record blob not null
);
create table chunks (
    visitor integer not null,
    number integer not null,
    refs blob not null,
    primary key (visitor, number)
) without rowid;
-- started: t in ms of the first event. Numbers name a slice or session within its visitor and say nothing of order.
create table slices (
    visitor integer not null,
    number integer not null,
    started integer not null,
    slice blob not null,
    primary key (visitor, number)
) without rowid;
create table sessions (
    visitor integer not null,
    number integer not null,
    started integer not null,
    session blob not null,
    primary key (visitor, number)
) without rowid;
-- Which visitors name an identifier, believed or not, and which of them prove it.
create table naming (
    identifier text not null,
    visitor integer not null,
    proves integer not null,
    primary key (identifier, visitor)
) without rowid;
create index naming_of_visitor on naming (visitor);
create index proven on naming (identifier) where proves;
-- The retractions themselves, so that a copy of one is told from another.
create table retraction_events (
    retraction text primary key
) without rowid;
create table retractions (
    message_id text not null,
    retraction text not null,
    reason text not null,
    received_at text not null,
    primary key (message_id, retraction)
) without rowid;
create index retractions_received on retractions (received_at);
-- Where a message id may be: 8 bytes of its hash for every event folded in, a row a batch, in log order. Looked
-- through only for a retraction; a tree of ids would cost a random insert an event.
create table arrivals (
    first integer primary key,
    hashes blob not null,
    positions blob not null
);
-- Every profile id that may have been handed out, for ever: the truth does not depend on it, links do.
create table profile_ids (
    profile_id text primary key,
    root text not null
) without rowid;
create table quarantine (
    position integer primary key,
    reason text not null
);
create table books (
    name text primary key,
    value integer not null
) without rowid;
insert into books (name, value) values ('position', 0);
