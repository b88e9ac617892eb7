-- What the ClickHouse sink has sent (design J6): fixed before an insert, settled after it.

-- One row per stretch (from_position, to_position] of the log; together they cover it without gap or overlap.
-- `target`: 'live', or 'next' while a rebuild fills fresh tables beside the live ones.
CREATE TABLE ingest_batches (
    target            text    NOT NULL CHECK (target IN ('live', 'next')),
    from_position     bigint  NOT NULL CHECK (from_position >= 0),
    to_position       bigint  NOT NULL CHECK (to_position > from_position),
    -- What ClickHouse must hold of this stretch, table by table; checksums are 64 bits, written as signed numbers.
    row_counts        bigint[] NOT NULL,
    row_checksums     bigint[] NOT NULL,
    -- Counts the inserts on purpose: a refill must not have the token of what it replaces.
    generation        integer NOT NULL DEFAULT 1 CHECK (generation > 0),
    -- False from before the insert until ClickHouse has answered it.
    sent              boolean NOT NULL DEFAULT false,
    PRIMARY KEY (target, from_position),
    UNIQUE (target, to_position)
);

-- The log the batches are of, and which set of tables is the live one: a rebuild's swap raises the epoch, and a sink that
-- began under an older one starts anew.
CREATE TABLE ingest_epoch (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    log_id   uuid    NOT NULL,
    epoch    bigint  NOT NULL DEFAULT 0
);
