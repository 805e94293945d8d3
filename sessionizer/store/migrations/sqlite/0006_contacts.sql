-- Which contacts a slice carries, and of which user it is (null: none), so that those are counted who carry one
-- (rule 17). slice: its number. Not for slices with neither a user nor a device.
create table carrying (
    visitor integer not null,
    slice integer not null,
    contact text not null,
    user text,
    primary key (visitor, slice, contact)
) without rowid;
create index carriers on carrying (contact, user, visitor);
-- What was derived before knows nothing of it. It goes, and the mind folds the log again, as a replay does; ids handed
-- out are kept.
delete from visitors;
delete from chunks;
delete from slices;
delete from sessions;
delete from naming;
delete from retractions;
delete from retraction_events;
delete from arrivals;
delete from quarantine;
delete from suppressed;
delete from waiting;
delete from facts;
delete from books;
insert into books (name, value) values ('position', 0), ('facts', 0), ('facts_epoch', abs(random() % 4294967296));
