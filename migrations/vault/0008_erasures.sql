-- Who is to be forgotten, and who was: the plan of each erasure, where it stands, and its papers. No name, no phone: a member's id
-- and an act's number. The list that a restored backup is held against is the log's own (`MemberErased`), not this one.
CREATE TABLE vault.erasures (
    act_id       uuid PRIMARY KEY,
    member_id    uuid NOT NULL CONSTRAINT erasures_member_key UNIQUE,
    demanded_by  text NOT NULL CHECK (demanded_by IN ('herself', 'admin')),
    ground       text NOT NULL CHECK (ground IN
                     ('consent_withdrawn', 'demand_to_stop', 'purpose_reached', 'unlawful', 'needless')),
    -- Whose credential asked: the actor on the log.
    asked_by     uuid NOT NULL,
    begun_at     timestamptz NOT NULL,
    -- The step after the log's: everything is gone.
    position     bigint,
    destroyed_at timestamptz,
    -- The extract of the log, the very text that is hashed, and the act that names its hash.
    extract      text,
    extract_hash bytea CHECK (octet_length(extract_hash) = 32),
    act          text,
    CONSTRAINT erasures_destroyed_after_the_log CHECK (destroyed_at IS NULL OR position IS NOT NULL),
    CONSTRAINT erasures_extract_has_its_hash CHECK ((extract IS NULL) = (extract_hash IS NULL))
);
CREATE INDEX erasures_under_way ON vault.erasures (begun_at) WHERE destroyed_at IS NULL;
CREATE INDEX erasures_over ON vault.erasures (destroyed_at);

-- Whose credentials are good no longer: the member and every account that was one with hers.
CREATE TABLE vault.erased_members (
    member_id uuid PRIMARY KEY,
    act_id    uuid NOT NULL REFERENCES vault.erasures (act_id) ON DELETE CASCADE,
    since     timestamptz NOT NULL
);
CREATE INDEX erased_members_since ON vault.erased_members (since);
CREATE INDEX erased_members_act ON vault.erased_members (act_id);

GRANT SELECT, INSERT, DELETE ON vault.erasures, vault.erased_members TO own_circle_vault;
GRANT UPDATE (position, destroyed_at, extract, extract_hash, act) ON vault.erasures TO own_circle_vault;
