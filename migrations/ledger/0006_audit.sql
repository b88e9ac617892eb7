-- Who audits reads the log and what proves it, and writes nothing anywhere. The role is the server's: another installation may
-- have made it. Whoever audits logs in as a member of it; what else the database holds (keys of commands with their answers,
-- snapshots) is none of an audit's business.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'own_circle_audit') THEN
        CREATE ROLE own_circle_audit NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$ BEGIN
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO own_circle_audit', current_database());
END $$;
GRANT USAGE ON SCHEMA ledger TO own_circle_audit;
GRANT SELECT ON ledger.events, ledger.log_head, ledger.tile, ledger.checkpoint, ledger.seal_key TO own_circle_audit;
