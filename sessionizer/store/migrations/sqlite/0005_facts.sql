-- What was published, a row a commit: compressed MessagePack, numbered from `first` on. `found`: when, in ms.
create table facts (
    first integer primary key,
    found integer not null,
    facts blob not null
);
insert into books (name, value) values ('facts', 0);
-- Names this numbering: a cursor from another store is told apart.
insert into books (name, value) values ('facts_epoch', abs(random() % 4294967296));
-- When to look whether a visitor's last session is over, in ms; null when that is published.
alter table visitors add column due integer;
create index visitors_due on visitors (due) where due is not null;
