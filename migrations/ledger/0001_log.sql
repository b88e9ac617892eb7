-- The log (design L1–L7) and what stands beside it in the same transaction.
-- Run as the owner of the database; services connect as own_circle_ledger, which may insert and select, no more.

CREATE SCHEMA ledger;

-- One row per event. Never updated, never deleted (L3).
CREATE TABLE ledger.events (
    position       bigint      PRIMARY KEY,
    event_id       uuid        NOT NULL UNIQUE,
    stream_type    text        NOT NULL,
    stream_id      uuid        NOT NULL,
    stream_version integer     NOT NULL,
    event_type     text        NOT NULL,
    schema_version smallint    NOT NULL,
    occurred_at    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    payload        jsonb       NOT NULL,
    metadata       jsonb       NOT NULL,
    leaf_hash      bytea       NOT NULL CHECK (octet_length(leaf_hash) = 32),
    UNIQUE (stream_id, stream_version)
);

-- Businesses and policies are read whole at every start; members by stream.
CREATE INDEX events_registry ON ledger.events (position) WHERE stream_type <> 'member';

-- The one row under whose lock appends are serialised (L1). `log_id` names the log (L9).
CREATE TABLE ledger.log_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint  NOT NULL CHECK (position >= 0),
    log_id   uuid    NOT NULL
) WITH (fillfactor = 10);
INSERT INTO ledger.log_head (position, log_id) VALUES (0, gen_random_uuid());

-- Every command that wrote something, for ever (L4). `revision` orders the edits of one document (Rule D2).
CREATE TABLE ledger.idempotency (
    key            bytea   PRIMARY KEY CHECK (octet_length(key) = 32),
    revision       integer NOT NULL,
    fingerprint    bytea   NOT NULL CHECK (octet_length(fingerprint) = 32),
    first_position bigint  NOT NULL,
    last_position  bigint  NOT NULL,
    outcome        jsonb   NOT NULL
);

-- A cache: the fold of a stream up to a version, so that a long history costs no more than a short one. May be emptied.
CREATE TABLE ledger.snapshots (
    stream_id      uuid    PRIMARY KEY,
    stream_version integer NOT NULL,
    state_revision integer NOT NULL,
    state          jsonb   NOT NULL
);

-- What the relay has had acknowledged by the broker, per partition.
CREATE TABLE ledger.relay_checkpoint (
    partition     integer PRIMARY KEY,
    last_position bigint  NOT NULL,
    last_offset   bigint  NOT NULL,
    log_position  bigint  NOT NULL
);

-- The installation's clock in the dev profile: null is the machine's time.
CREATE TABLE ledger.dev_clock (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    now      timestamptz,
    version  bigint NOT NULL DEFAULT 0
);
INSERT INTO ledger.dev_clock DEFAULT VALUES;

-- Every statement of the services finds its rows by an index. A plan that was cached while a table was empty would walk
-- all of it for ever after; here such a plan is never chosen. So one plan fits all values, and none is made twice: the
-- arrays of an append would else be planned anew for every batch.
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET enable_seqscan = off', current_database());
    EXECUTE format('ALTER DATABASE %I SET plan_cache_mode = force_generic_plan', current_database());
    -- A process that stands still with the head's lock in its hands loses it: the others go on.
    EXECUTE format('ALTER DATABASE %I SET idle_in_transaction_session_timeout = 10000', current_database());
END $$;

CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % on %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.events
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER idempotency_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.idempotency
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- `ENABLE ALWAYS`: not even a session in replica mode passes.
ALTER TABLE ledger.events ENABLE ALWAYS TRIGGER events_append_only;
ALTER TABLE ledger.idempotency ENABLE ALWAYS TRIGGER idempotency_append_only;

-- The head only moves on, and never changes its name, but by the owner's explicit repair.
CREATE FUNCTION ledger.refuse_moving_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR NEW.position < OLD.position OR NEW.log_id <> OLD.log_id THEN
        RAISE EXCEPTION 'the head of the log only moves on' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER head_moves_on BEFORE UPDATE ON ledger.log_head
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_moving_back();
CREATE TRIGGER head_stays BEFORE DELETE OR TRUNCATE ON ledger.log_head
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

GRANT USAGE ON SCHEMA ledger TO own_circle_ledger;
GRANT SELECT, INSERT ON ledger.events, ledger.idempotency TO own_circle_ledger;
GRANT SELECT, UPDATE (position) ON ledger.log_head TO own_circle_ledger;
GRANT SELECT, INSERT, UPDATE, DELETE ON ledger.snapshots, ledger.relay_checkpoint TO own_circle_ledger;
GRANT SELECT, UPDATE ON ledger.dev_clock TO own_circle_ledger;
