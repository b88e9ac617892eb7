-- What became of something that waited for a second person, beyond the decision: it was carried out, or it ended before that.
ALTER TABLE auth.approvals
    -- When the log had it. Absent where a process stopped between the two: the log, which has the request's key, knows then.
    ADD COLUMN carried_out_at timestamptz,
    -- When it was over without a decision of anybody: the member it is about was forgotten.
    ADD COLUMN ended_at timestamptz,
    ADD CONSTRAINT approvals_carried_out_when_approved CHECK (carried_out_at IS NULL OR approved IS TRUE);
CREATE INDEX approvals_subject ON auth.approvals (subject_id) WHERE subject_id IS NOT NULL;

GRANT UPDATE (carried_out_at, ended_at) ON auth.approvals TO own_circle_vault;
