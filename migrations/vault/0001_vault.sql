-- Personal data and credentials of one installation. Run by the owner of the database; the service connects
-- as own_circle_vault, which owns nothing and holds exactly the grants at the end of each file.
--
-- Three schemas, so that they can be backed up and restored apart: the data is unreadable without vault_keys.
--   vault       personal data (sealed), look-up indexes, the access log
--   vault_keys  wrapped data keys; no foreign keys to vault, because its backups live on their own
--   auth        codes, refresh tokens, API keys, QR tokens, signing keys

-- Roles belong to the server, not to the database: several installations on one server may migrate at once.
DO $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('own_circle_vault.role', 0));
    IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = 'own_circle_vault') THEN
        CREATE ROLE own_circle_vault NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
    END IF;
EXCEPTION
    -- The lock is per database; another database's migration may have won between the look and the creation.
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

CREATE SCHEMA vault;
CREATE SCHEMA vault_keys;
CREATE SCHEMA auth;

-- One row per person. A pending row waits for its event in the log; look-ups for purchases see active rows alone.
CREATE TABLE vault.members (
    member_id    uuid PRIMARY KEY,
    phone_index  bytea NOT NULL CONSTRAINT members_phone_index_key UNIQUE CHECK (octet_length(phone_index) = 32),
    state        text NOT NULL CHECK (state IN ('pending', 'active')),
    created_at   timestamptz NOT NULL,
    confirmed_at timestamptz,
    CONSTRAINT members_confirmed_when_active CHECK ((state = 'active') = (confirmed_at IS NOT NULL))
);
CREATE INDEX members_pending ON vault.members (member_id) WHERE state = 'pending';

-- Registrations under way, one row per try. A pending member goes only with the last of them, and what she is called is
-- for the one to say that the log took: the one with the key of its event.
CREATE TABLE vault.registrations (
    try_id      uuid PRIMARY KEY,
    member_id   uuid NOT NULL REFERENCES vault.members (member_id) ON DELETE CASCADE,
    command_key bytea NOT NULL CHECK (octet_length(command_key) = 32),
    begun_at    timestamptz NOT NULL
);
CREATE INDEX registrations_member ON vault.registrations (member_id);

-- What each try says of her, sealed like the fields of a member.
CREATE TABLE vault.registration_fields (
    try_id uuid NOT NULL REFERENCES vault.registrations (try_id) ON DELETE CASCADE,
    field  text NOT NULL CHECK (field IN ('phone', 'first_name', 'last_name', 'email', 'birth_date', 'city')),
    sealed bytea NOT NULL,
    PRIMARY KEY (try_id, field)
);

CREATE TABLE vault.member_fields (
    member_id  uuid NOT NULL REFERENCES vault.members (member_id) ON DELETE CASCADE,
    field      text NOT NULL CHECK (field IN ('phone', 'first_name', 'last_name', 'email', 'birth_date', 'city')),
    sealed     bytea NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (member_id, field)
);

-- A member's consent to a partner as the vault knows it. granted = false stays as a tombstone without a hash, so that
-- an index made from an older list of members does not bring a withdrawn one back.
CREATE TABLE vault.partner_members (
    business_id uuid NOT NULL,
    member_id   uuid NOT NULL REFERENCES vault.members (member_id) ON DELETE CASCADE,
    granted     boolean NOT NULL,
    phone_hash  bytea CHECK (octet_length(phone_hash) = 32),
    changed_at  timestamptz NOT NULL,
    -- The log's position it is known up to: of two notes the later position counts, in whichever order they come.
    as_of       bigint NOT NULL,
    PRIMARY KEY (business_id, member_id),
    CONSTRAINT partner_members_no_hash_without_consent CHECK (granted OR phone_hash IS NULL)
);
CREATE UNIQUE INDEX partner_members_hash ON vault.partner_members (business_id, phone_hash)
    WHERE phone_hash IS NOT NULL;
CREATE INDEX partner_members_member ON vault.partner_members (member_id);

-- Who read or wrote whose data, which fields, why, and how it ended. Never a value.
CREATE TABLE vault.access_log (
    access_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    actor_kind text NOT NULL,
    actor_id   text NOT NULL,
    member_id  uuid,
    action     text NOT NULL CHECK (action IN ('look_up', 'read', 'write', 'delete')),
    fields     text[] NOT NULL,
    purpose    text NOT NULL,
    result     text NOT NULL CHECK (result IN ('done', 'not_found', 'failed')),
    request_id uuid
);
CREATE INDEX access_log_member ON vault.access_log (member_id, access_id) WHERE member_id IS NOT NULL;

CREATE FUNCTION vault.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'vault.% is insert-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER access_log_rows_stay BEFORE UPDATE OR DELETE ON vault.access_log
    FOR EACH ROW EXECUTE FUNCTION vault.refuse_change();
CREATE TRIGGER access_log_table_stays BEFORE TRUNCATE ON vault.access_log
    FOR EACH STATEMENT EXECUTE FUNCTION vault.refuse_change();
ALTER TABLE vault.access_log ENABLE ALWAYS TRIGGER access_log_rows_stay;
ALTER TABLE vault.access_log ENABLE ALWAYS TRIGGER access_log_table_stays;

CREATE TABLE vault_keys.member_keys (
    member_id  uuid PRIMARY KEY,
    kek_id     text NOT NULL,
    wrapped    bytea NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE vault_keys.phone_keys (
    business_id uuid PRIMARY KEY,
    kek_id      text NOT NULL,
    wrapped     bytea NOT NULL,
    created_at  timestamptz NOT NULL
);

REVOKE ALL ON SCHEMA vault, vault_keys, auth FROM PUBLIC;
REVOKE ALL ON FUNCTION vault.refuse_change() FROM PUBLIC;
GRANT USAGE ON SCHEMA vault, vault_keys, auth TO own_circle_vault;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault.members, vault.member_fields, vault.partner_members TO own_circle_vault;
GRANT SELECT, INSERT, DELETE ON vault.registrations, vault.registration_fields TO own_circle_vault;
GRANT SELECT, INSERT ON vault.access_log TO own_circle_vault;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_keys.member_keys, vault_keys.phone_keys TO own_circle_vault;
