-- What is read whole at every start, without the rewards of chains: there may be millions of them, and the newest of a chain says
-- what they come to.
CREATE INDEX events_registry_facts ON ledger.events (position)
    WHERE stream_type <> 'member' AND event_type <> 'ChainRewardIssued';
CREATE INDEX events_rewards ON ledger.events (stream_id, stream_version) WHERE event_type = 'ChainRewardIssued';
