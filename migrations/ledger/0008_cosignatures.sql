-- What witnesses say of checkpoints (C2SP tlog-cosignature): lines of signed notes, shown with the checkpoint they are of.
-- Kept apart from it, because they come after it was signed and the log's own signature does not depend on them.
CREATE TABLE ledger.cosignature (
    tree_size   bigint      NOT NULL REFERENCES ledger.checkpoint (tree_size),
    witness     text        NOT NULL CHECK (length(witness) BETWEEN 1 AND 255),
    key_id      bytea       NOT NULL CHECK (octet_length(key_id) = 4),
    line        text        NOT NULL CHECK (octet_length(line) < 1024),
    cosigned_at timestamptz NOT NULL,
    PRIMARY KEY (tree_size, witness, key_id)
);
CREATE TRIGGER cosignature_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.cosignature
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
ALTER TABLE ledger.cosignature ENABLE ALWAYS TRIGGER cosignature_append_only;
GRANT SELECT, INSERT ON ledger.cosignature TO own_circle_ledger;
GRANT SELECT ON ledger.cosignature TO own_circle_seal, own_circle_audit;
