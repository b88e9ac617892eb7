//! Offers that are published: a coupon for each member of the audience, now and whoever comes into it later. Design J5.
//!
//! Why it is right:
//! 1. It decides nothing: it names a member, and the command path decides on the log whether the coupon is hers, within limit
//!    and budget, whoever else decides.
//! 2. The key of a command follows from (offer, version, member), and her state knows what she had: whoever is named again gets
//!    nothing twice. So a new leader begins anew, and goes on where the one before it was.
//! 3. Who is looked at: all members, when an offer has begun, and every [`ALL_EVERY`], since time alone makes a customer another;
//!    between that whoever the log has a new fact about, once the read models know it.
//!
//! Bounds: the ids of one offer's audience are in memory; [`MEMBERS_MAX`] of them are asked about before it is looked whether
//! the offer has anything left, [`COMMANDS_AT_ONCE`] at a time, in a loop of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use futures::StreamExt;
use ledger_core::context::Registry;
use ledger_core::ids::{CouponId, MemberId, OfferId};
use ledger_core::log::Position;
use ledger_core::member::offered::TakeOffer;
use ledger_core::member::{MemberCommand, MemberOutcome};
use ledger_core::offer::Offer;
use ledger_core::time::Timestamp;
use ledger_store::audience::Asked;
use ledger_store::{Command, ExecuteError, Ledger, Outcome, Receipt, Repeat, Request};
use serde_json::json;
use uuid::Uuid;

use super::command::request;
use super::status::{Done, record};
use super::{Hands, Look, is_made, passed};
use crate::error::ProjectError;

const NAME: &str = "offers";
/// Members asked about before it is looked whether an offer has anything left.
const MEMBERS_MAX: usize = 500;
/// Commands on their way at once: a quarter of what the ledger decides and commits together.
const COMMANDS_AT_ONCE: usize = 128;
/// How often all members are looked at.
const ALL_EVERY: TimeDelta = TimeDelta::hours(1);
/// So much of the log is looked at in one go.
const FACTS_MAX: Position = 20_000;
/// After so many failures one after the other the schedule begins anew, with a ledger of its own that is new, too.
const FAILURES_MAX: u32 = 10;
const BACKOFF: Duration = Duration::from_millis(500);
/// How long it rests in production, in ticks of the schedule: who comes into an audience has the coupon seconds later.
const REST_TICKS: u32 = 5;

/// The reactor.
#[derive(Default)]
pub(super) struct Offers {
    recorded: Option<Done>,
    /// When all members were last looked at for a version of an offer.
    all_at: BTreeMap<(OfferId, u32), Timestamp>,
    /// Up to which position of the log members were looked at.
    seen: Position,
}

impl Offers {
    /// Looks for ever.
    pub(super) async fn work(
        mut self,
        hands: &Hands<'_>,
        tick: Duration,
    ) -> Result<std::convert::Infallible, ProjectError> {
        let rest = if tick < Duration::from_secs(1) { tick } else { tick.saturating_mul(REST_TICKS) };
        let mut failures = 0_u32;
        loop {
            match self.look(hands).await {
                Ok(Look::Again) => failures = 0,
                Ok(Look::Done) => {
                    failures = 0;
                    tokio::time::sleep(rest).await;
                }
                // What is due goes on meanwhile, and this where it was.
                Err(error) if error.is_retryable() && failures < FAILURES_MAX => {
                    tracing::warn!(%error, "offers are looked at again");
                    failures = failures.saturating_add(1);
                    tokio::time::sleep(BACKOFF).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn look(&mut self, hands: &Hands<'_>) -> Result<Look, ProjectError> {
        let read = &hands.options.read;
        let head = hands.options.log.head().await?;
        let here = Done { done_through: hands.clock.now(), log_position: head };
        if self.recorded == Some(here) {
            return Ok(Look::Done);
        }
        if !is_made(read, "statuses.bills").await? || !is_made(read, "directory.coupons").await? {
            return Ok(Look::Done);
        }
        hands.ledger.refresh().await;
        if hands.ledger.head() < head {
            // What is not known yet must not be passed by: an offer may have been published just now.
            return Ok(Look::Done);
        }
        let registry = hands.ledger.registry();
        let there = passed(read, "statuses").await?.min(passed(read, "directory").await?);
        // Nobody is passed over: what the read models learn after this is looked at the next time. A sale that is dated some
        // minutes ahead (Rule T3) counts when all members are looked at.
        let now = hands.clock.now();
        let open: Vec<&Offer> = registry.offers.published().filter(|offer| is_open(offer, now)).collect();
        // Without an offer nobody is asked about, and the next one begins with everybody.
        let is_idle = self.seen == 0 || open.is_empty();
        let known = if is_idle { there } else { there.min(self.seen.saturating_add(FACTS_MAX)) };
        let touched = if is_idle { None } else { self.touched(hands, known).await? };
        self.all_at.retain(|(id, version), _| {
            open.iter().any(|offer| (offer.offer_id, offer.version) == (*id, *version))
        });
        let mut given = false;
        for offer in open {
            let version = (offer.offer_id, offer.version);
            let last = self.all_at.get(&version);
            let is_fresh = last.is_some_and(|last| *last <= now && now.since(*last) < ALL_EVERY);
            let only = touched.as_deref().filter(|_| is_fresh);
            given |= give(hands, offer, (&registry, now), only).await?;
            if only.is_none() {
                self.all_at.insert(version, now);
            }
        }
        self.seen = known;
        if given || known < there {
            return Ok(Look::Again);
        }
        if known >= head {
            record(read, NAME, here, &json!({})).await?;
            self.recorded = Some(here);
        }
        Ok(Look::Done)
    }

    /// The members about whom the log has something new up to `known`; `None` when a read model began anew.
    async fn touched(&self, hands: &Hands<'_>, known: Position) -> Result<Option<Vec<Uuid>>, ProjectError> {
        if known < self.seen {
            return Ok(None);
        }
        let touched = sqlx::query_scalar(
            "SELECT DISTINCT stream_id FROM ledger.events \
             WHERE position > $1 AND position <= $2 AND stream_type = 'member'",
        );
        Ok(Some(touched.bind(self.seen).bind(known).fetch_all(hands.options.log.pool()).await?))
    }
}

/// Whether it gives coupons now, and has something left.
fn is_open(offer: &Offer, now: Timestamp) -> bool {
    offer.gives_coupons_at(now) && offer.with_one_more().is_ok()
}

/// Gives the coupon to those of the audience who have not had it; of `only` these, when they are given. Whether anybody got it.
async fn give(
    hands: &Hands<'_>,
    offer: &Offer,
    (registry, now): (&Registry, Timestamp),
    only: Option<&[Uuid]>,
) -> Result<bool, ProjectError> {
    if only.is_some_and(<[Uuid]>::is_empty) {
        return Ok(false);
    }
    let (business, audience) = (offer.definition.business_id, &offer.definition.audience);
    let asked = Asked { business, audience, now, registry };
    let members = asked.without_coupon(&hands.options.read, offer.offer_id, only).await?;
    let mut given = 0;
    for some in members.chunks(MEMBERS_MAX) {
        let known = hands.ledger.registry();
        if !known.offers.get(offer.offer_id).is_some_and(|offer| is_open(offer, hands.clock.now())) {
            break;
        }
        given += send(hands.ledger, offer, some).await?;
    }
    Ok(given > 0)
}

/// Names them to the ledger; to how many it gave the coupon.
async fn send(ledger: &Ledger, offer: &Offer, members: &[MemberId]) -> Result<usize, ProjectError> {
    let requests: Vec<Request> = members.iter().map(|member| asked(offer, *member)).collect();
    let answers = futures::stream::iter(requests).map(|request| ledger.execute(request));
    let mut answers = answers.buffer_unordered(COMMANDS_AT_ONCE);
    let mut given = 0;
    while let Some(answer) = answers.next().await {
        given += usize::from(told(answer)?);
    }
    Ok(given)
}

/// Says everything that makes one version of an offer and a member this one.
fn asked(offer: &Offer, member_id: MemberId) -> Request {
    let Offer { offer_id, version, .. } = *offer;
    let (of_offer, of_member, of_version) = (offer_id.as_uuid(), member_id.as_uuid(), version.to_be_bytes());
    let cause = [b"offer ".as_slice(), of_offer.as_bytes(), &of_version, of_member.as_bytes()];
    request(NAME, &cause.concat(), |key| {
        let take = TakeOffer { offer_id, version, coupon_id: CouponId::of_key(key) };
        Command::Member { member_id, command: MemberCommand::TakeOffer(take) }
    })
}

/// Whether a coupon was given; what can be asked again is.
fn told(answer: Result<Receipt, ExecuteError>) -> Result<bool, ProjectError> {
    match answer {
        Ok(Receipt {
            outcome: Outcome::Member(MemberOutcome::Offered { coupon_id: Some(_) }),
            repeat: Repeat::First,
            ..
        }) => {
            metrics::counter!("offer_coupons_issued_total").increment(1);
            Ok(true)
        }
        Ok(_) => Ok(false),
        Err(error @ (ExecuteError::Unavailable | ExecuteError::Stopped)) => {
            Err(ProjectError::Sink { what: "a command of an offer", source: Box::new(error) })
        }
        Err(error @ (ExecuteError::Refused(_) | ExecuteError::Corrupt)) => {
            tracing::error!(%error, "what an offer gives cannot be decided");
            metrics::counter!("schedule_refused_total").increment(1);
            Ok(false)
        }
    }
}
