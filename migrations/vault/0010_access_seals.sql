-- The access log as a chain. Records are written by many transactions at once, which must not wait for one another: so a
-- record carries the transaction that wrote it, and a sealer follows behind. Once every transaction below a number has
-- ended, the records of those below it can be no more and no fewer; their digest is chained to the one before.
--
-- Numbers of transactions are a server's own: a database that was dumped and restored elsewhere begins a new era.
CREATE TABLE vault.access_era (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    era      integer NOT NULL CHECK (era > 0)
);
INSERT INTO vault.access_era (era) VALUES (1);

CREATE FUNCTION vault.current_access_era() RETURNS integer LANGUAGE sql STABLE
    RETURN (SELECT its.era FROM vault.access_era AS its);

ALTER TABLE vault.access_log
    ADD COLUMN era integer NOT NULL DEFAULT vault.current_access_era(),
    ADD COLUMN written_by xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX access_log_sealing ON vault.access_log (era, written_by, access_id);
CREATE INDEX access_log_at ON vault.access_log USING brin (at);

CREATE TABLE vault.access_seals (
    seal_no   bigint PRIMARY KEY CHECK (seal_no > 0),
    -- It covers the records from where the seal before ends up to this transaction of this era, without it.
    era       integer NOT NULL,
    upto      xid8 NOT NULL,
    records   bigint NOT NULL CHECK (records > 0),
    previous  bytea NOT NULL CHECK (octet_length(previous) = 32),
    hash      bytea NOT NULL CHECK (octet_length(hash) = 32),
    sealed_at timestamptz NOT NULL
);
CREATE TRIGGER access_seals_rows_stay BEFORE UPDATE OR DELETE ON vault.access_seals
    FOR EACH ROW EXECUTE FUNCTION vault.refuse_change();
CREATE TRIGGER access_seals_table_stays BEFORE TRUNCATE ON vault.access_seals
    FOR EACH STATEMENT EXECUTE FUNCTION vault.refuse_change();
ALTER TABLE vault.access_seals ENABLE ALWAYS TRIGGER access_seals_rows_stay;
ALTER TABLE vault.access_seals ENABLE ALWAYS TRIGGER access_seals_table_stays;

REVOKE ALL ON FUNCTION vault.current_access_era() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.current_access_era() TO own_circle_vault;
GRANT SELECT, UPDATE (era) ON vault.access_era TO own_circle_vault;
GRANT SELECT, INSERT ON vault.access_seals TO own_circle_vault;
