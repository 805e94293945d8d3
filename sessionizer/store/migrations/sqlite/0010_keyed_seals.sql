-- Rows are held to their visitor's key, as its record is: a damaged index that leads to another visitor's rows is found.
update chunks set refs = reseal(refs, visitor, (select key from visitors as v where v.visitor = chunks.visitor), number);
update slices set slice = reseal(slice, visitor, (select key from visitors as v where v.visitor = slices.visitor), number);
update runs set run = reseal(run, visitor, (select key from visitors as v where v.visitor = runs.visitor), number);
update sessions set session = reseal(session, visitor, (select key from visitors as v where v.visitor = sessions.visitor), number);
