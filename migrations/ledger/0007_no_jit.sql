-- The prices of 0001 (no walk through a table, one plan for all values) are not times: the one row of the head is found by a
-- walk, so each append is priced at ten thousand million. A server that can compile plans takes that for long work and
-- compiles every append, which costs it more than the append itself.
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET jit = off', current_database());
END $$;
