-- Key-encryption keys that are used no more. Nothing may be wrapped by one again: its key is about to be destroyed, and a
-- process that has not heard of it yet would wrap what nobody could open.
CREATE TABLE vault_keys.retired_keks (
    kek_id     text PRIMARY KEY,
    retired_at timestamptz NOT NULL
);

-- Whoever wraps shares a lock on the key's name up to its commit, and who retires the key takes it alone: so of the two one
-- sees the other. The refusal is one that passes by itself: the next try wraps with the newest key.
CREATE FUNCTION vault_keys.refuse_retired_kek() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('kek:' || NEW.kek_id, 0));
    IF EXISTS (SELECT FROM vault_keys.retired_keks WHERE kek_id = NEW.kek_id) THEN
        RAISE EXCEPTION 'the key-encryption key is retired' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER member_keys_kek BEFORE INSERT OR UPDATE OF kek_id, wrapped ON vault_keys.member_keys
    FOR EACH ROW EXECUTE FUNCTION vault_keys.refuse_retired_kek();
CREATE TRIGGER phone_keys_kek BEFORE INSERT OR UPDATE OF kek_id, wrapped ON vault_keys.phone_keys
    FOR EACH ROW EXECUTE FUNCTION vault_keys.refuse_retired_kek();

-- The same for the keys that sign tokens, in their own schema: a backup of it restores without vault_keys.
CREATE FUNCTION auth.refuse_retired_kek() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('kek:' || NEW.kek_id, 0));
    IF EXISTS (SELECT FROM vault_keys.retired_keks WHERE kek_id = NEW.kek_id) THEN
        RAISE EXCEPTION 'the key-encryption key is retired' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER signing_keys_kek BEFORE INSERT OR UPDATE OF kek_id, wrapped ON auth.signing_keys
    FOR EACH ROW EXECUTE FUNCTION auth.refuse_retired_kek();

GRANT SELECT, INSERT ON vault_keys.retired_keks TO own_circle_vault;
