-- What came, and what became of it before it reached this log; one row. Written in the transaction of the records it
-- counts, but counted apart from them, so that a record that is lost is missed.
create table books (
    one integer primary key check (one = 1),
    received integer not null,
    rejected integer not null,
    withheld integer not null,
    suppressed integer not null
);
insert into books select 1, count(*), 0, 0, 0 from records;
