-- What stands beside all read models, in schema `projectors` of the read database. Run by every projectors process at its
-- start, under a lock; therefore everything is IF NOT EXISTS.

-- One row per projection (and sink: `analytics`). "Everything has passed N": min(passed) >= N.
-- A change is notified on channel `read_model_moved`, payload the name.
CREATE TABLE IF NOT EXISTS projectors.progress (
    name       text        PRIMARY KEY,
    passed     bigint      NOT NULL DEFAULT 0,
    state      text        NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'waiting', 'stopped')),
    stopped_at bigint,
    reason     text,
    changed_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 20);

-- One row per reactor: with the log up to log_position applied, nothing it looks after was left to do at done_through.
CREATE TABLE IF NOT EXISTS projectors.reactor_status (
    name         text        PRIMARY KEY,
    done_through timestamptz NOT NULL,
    log_position bigint      NOT NULL,
    memory       jsonb       NOT NULL DEFAULT '{}',
    changed_at   timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 20);
