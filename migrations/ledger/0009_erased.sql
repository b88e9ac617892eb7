-- Who was forgotten: every start compares the vault with it, so that a restored backup brings nobody back (`compliance.md` E4).
CREATE INDEX events_erased ON ledger.events (position) WHERE event_type = 'MemberErased';
