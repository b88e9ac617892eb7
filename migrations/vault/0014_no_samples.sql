-- The planner's statistics hold samples of every column, and an erased member's would stay there until the next ANALYZE. Of what is
-- sealed, wrapped or an index of a phone no samples are taken; nor would they help: such a column is found by an index or not at
-- all. It goes for every column of bytes, so that nobody has to say which of them is about a member.

-- A column that a trigger names cannot be altered.
DROP TRIGGER member_keys_kek ON vault_keys.member_keys;
DROP TRIGGER phone_keys_kek ON vault_keys.phone_keys;
DROP TRIGGER signing_keys_kek ON auth.signing_keys;

DO $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT space.nspname AS space, tab.relname AS tab, col.attname AS col,
               EXISTS (SELECT FROM pg_catalog.pg_stats AS stats
                       WHERE stats.schemaname = space.nspname AND stats.tablename = tab.relname
                         AND stats.attname = col.attname) AS has_samples
        FROM pg_catalog.pg_attribute AS col
        JOIN pg_catalog.pg_class AS tab ON tab.oid = col.attrelid
        JOIN pg_catalog.pg_namespace AS space ON space.oid = tab.relnamespace
        WHERE space.nspname IN ('vault', 'vault_keys', 'auth') AND tab.relkind = 'r' AND col.attnum > 0
          AND NOT col.attisdropped AND col.atttypid = 'pg_catalog.bytea'::regtype
    LOOP
        IF one.has_samples THEN
            -- The same type: no row is written anew, and the samples that are there go. ANALYZE alone would leave them.
            EXECUTE format('ALTER TABLE %I.%I ALTER COLUMN %I TYPE bytea', one.space, one.tab, one.col);
        END IF;
        EXECUTE format('ALTER TABLE %I.%I ALTER COLUMN %I SET STATISTICS 0', one.space, one.tab, one.col);
    END LOOP;
END
$$;

CREATE TRIGGER member_keys_kek BEFORE INSERT OR UPDATE OF kek_id, wrapped ON vault_keys.member_keys
    FOR EACH ROW EXECUTE FUNCTION vault_keys.refuse_retired_kek();
CREATE TRIGGER phone_keys_kek BEFORE INSERT OR UPDATE OF kek_id, wrapped ON vault_keys.phone_keys
    FOR EACH ROW EXECUTE FUNCTION vault_keys.refuse_retired_kek();
CREATE TRIGGER signing_keys_kek BEFORE INSERT OR UPDATE OF kek_id, wrapped ON auth.signing_keys
    FOR EACH ROW EXECUTE FUNCTION auth.refuse_retired_kek();
