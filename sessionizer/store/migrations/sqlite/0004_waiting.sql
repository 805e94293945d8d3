-- Visitors that a proof or a retraction changed together with very many others, and that are yet to be folded again.
create table waiting (
    visitor integer primary key
);
