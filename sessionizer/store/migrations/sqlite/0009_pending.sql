-- When to look whether a visitor's last session is over, in ms: a table of its own, three hundred visitors a page. As a
-- column of `visitors`, each end of a session wrote a page of records anew.
create table pending (
    visitor integer primary key,
    due integer not null
);
create index pending_due on pending (due);
insert into pending (visitor, due) select visitor, due from visitors where due is not null;
drop index visitors_due;
alter table visitors drop column due;
