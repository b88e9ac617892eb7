-- What is read whole at every start, without what chains and offers gave: there may be millions of these facts, and the newest of a
-- chain or an offer says what they come to. The index of before did not know offers.
CREATE INDEX events_registry_steps ON ledger.events (position)
    WHERE stream_type <> 'member' AND event_type NOT IN ('ChainRewardIssued', 'OfferCouponIssued');
DROP INDEX ledger.events_registry_facts;
CREATE INDEX events_offer_coupons ON ledger.events (stream_id, stream_version) WHERE event_type = 'OfferCouponIssued';
-- The history of one offer, without the coupons it gave.
CREATE INDEX events_offer_steps ON ledger.events (stream_id, stream_version)
    WHERE stream_type = 'offer' AND event_type <> 'OfferCouponIssued';
