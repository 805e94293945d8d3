-- Where events of erased people lie that reached the log all the same, until they are erased from it.
create table suppressed (
    position integer primary key
);
