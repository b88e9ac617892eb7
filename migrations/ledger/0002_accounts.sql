-- Which accounts are one: every process folds these facts when it starts, as it does those of businesses and policies.
CREATE INDEX events_accounts ON ledger.events (position) WHERE event_type IN ('AccountMerged', 'AccountRestored');
