-- What partners say in words about what is no member's: the name of a chain, what its coupons say, why it was rejected. Free
-- text may name a person, so the log holds the id alone.
CREATE TABLE vault.words (
    text_id    uuid PRIMARY KEY,
    sealed     bytea NOT NULL,
    written_at timestamptz NOT NULL
);

GRANT SELECT, INSERT, DELETE ON vault.words TO own_circle_vault;
