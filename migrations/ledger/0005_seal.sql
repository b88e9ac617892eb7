-- What proves the log: a Merkle tree over the leaf hashes (design L7), its signed heads, and the keys they are signed
-- with (design L8). Beside the log and not in a schema of its own: a dump or a restore that took one without the other
-- would be of no use.
--
-- The leaf of position p has index p - 1.

-- Full tiles of 256 hashes (C2SP tlog-tiles). Those of level 0 are leaf hashes; hash i of level n + 1 is the root of tile
-- i of level n. The tree's right edge, where a tile is not full, follows from the log and the tiles below, and is not kept.
CREATE TABLE ledger.tile (
    level  smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    index  bigint   NOT NULL CHECK (index >= 0),
    hashes bytea    NOT NULL CHECK (octet_length(hashes) = 8192),
    PRIMARY KEY (level, index)
);
-- Hashes do not shrink.
ALTER TABLE ledger.tile ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- Signed tree heads (C2SP tlog-checkpoint). An empty log has none.
CREATE TABLE ledger.checkpoint (
    tree_size   bigint      PRIMARY KEY CHECK (tree_size > 0),
    root        bytea       NOT NULL CHECK (octet_length(root) = 32),
    key_id      bytea       NOT NULL CHECK (octet_length(key_id) = 4),
    signed_note text        NOT NULL,
    sealed_at   timestamptz NOT NULL
);

-- The public halves of the keys. The newest that is in force signs.
CREATE TABLE ledger.seal_key (
    key_name    text        NOT NULL,
    key_id      bytea       NOT NULL CHECK (octet_length(key_id) = 4),
    public_key  bytea       NOT NULL CHECK (octet_length(public_key) = 32),
    valid_from  timestamptz NOT NULL UNIQUE,
    valid_until timestamptz CHECK (valid_until > valid_from),
    PRIMARY KEY (key_name, key_id)
);

CREATE TRIGGER tile_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.tile
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER checkpoint_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER seal_key_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.seal_key
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
ALTER TABLE ledger.tile ENABLE ALWAYS TRIGGER tile_append_only;
ALTER TABLE ledger.checkpoint ENABLE ALWAYS TRIGGER checkpoint_append_only;
ALTER TABLE ledger.seal_key ENABLE ALWAYS TRIGGER seal_key_append_only;

-- Checkpoints only grow, in size and in time, and none is of more than the log has.
CREATE FUNCTION ledger.refuse_looking_back() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    newest ledger.checkpoint%ROWTYPE;
BEGIN
    SELECT * INTO newest FROM ledger.checkpoint ORDER BY tree_size DESC LIMIT 1;
    IF NEW.tree_size <= newest.tree_size OR NEW.sealed_at < newest.sealed_at
       OR NEW.tree_size > (SELECT position FROM ledger.log_head) THEN
        RAISE EXCEPTION 'a checkpoint of % after one of % is refused', NEW.tree_size, newest.tree_size
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER checkpoint_moves_on BEFORE INSERT ON ledger.checkpoint
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_looking_back();

-- Who seals reads the log and writes nothing of it. The role is the server's: another installation may have made it.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'own_circle_seal') THEN
        CREATE ROLE own_circle_seal NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$ BEGIN
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO own_circle_seal', current_database());
END $$;
GRANT USAGE ON SCHEMA ledger TO own_circle_seal;
GRANT SELECT ON ledger.events, ledger.log_head TO own_circle_seal;
GRANT SELECT, INSERT ON ledger.tile, ledger.checkpoint, ledger.seal_key TO own_circle_seal;
GRANT SELECT ON ledger.tile, ledger.checkpoint, ledger.seal_key TO own_circle_ledger;
