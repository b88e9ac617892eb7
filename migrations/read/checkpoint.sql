-- How far this read model is, per partition of the log's topic; written in the transaction of its rows (design J1).
-- "Passed N" for one member: the row of her partition (`ledger_core::log::partition_of`); for all: min(passed).
CREATE TABLE checkpoint (
    partition integer PRIMARY KEY,
    log_id    uuid    NOT NULL,
    position  bigint  NOT NULL,
    leaf_hash bytea,
    passed    bigint  NOT NULL,
    "offset"  bigint,
    retired   boolean NOT NULL DEFAULT false
) WITH (fillfactor = 20);
