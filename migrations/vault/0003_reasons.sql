-- Why staff did something to a member's account, in their own words, sealed with her key. The log holds the id alone.
CREATE TABLE vault.reasons (
    reason_id  uuid PRIMARY KEY,
    member_id  uuid NOT NULL REFERENCES vault.members (member_id) ON DELETE CASCADE,
    sealed     bytea NOT NULL,
    written_at timestamptz NOT NULL
);
CREATE INDEX reasons_member ON vault.reasons (member_id);

GRANT SELECT, INSERT, DELETE ON vault.reasons TO own_circle_vault;
