//! The reactor of chains: a purchase that triggers a step, or that follows from one, becomes a command, which decides whether
//! there is a reward. Design J5; Rules X3, B9.
//!
//! Why it is right:
//! 1. It decides nothing: it names the purchase and the step, and the command path decides on the log, where limits and budgets
//!    are exact whoever else decides (X5).
//! 2. The key of a command follows from (chain, version, step, trigger): seen again after a crash, a replay, or by another
//!    instance, it is answered as the repeat it is, and writes nothing.
//! 3. It is driven as a read model is: its place is committed only behind purchases whose commands were answered, one instance
//!    owns it, gaps are refilled. It is none: a rebuild does not know it.
//!
//! Bounds: [`COMMANDS_AT_ONCE`] commands are on their way at a time; a purchase looks at the chains of its own business.

use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use ledger_core::chain::definition::Reward;
use ledger_core::context::Registry;
use ledger_core::ids::{ChainId, CouponId, MemberId, PurchaseId};
use ledger_core::member::cross_bonus::FollowedStep;
use ledger_core::member::event::{BonusAccrued, ChainConverted, MemberEvent, Promise};
use ledger_core::member::reward::{TakeReward, may_take};
use ledger_core::member::{MemberCommand, MemberOutcome};
use ledger_ops::clock::Clock;
use ledger_store::published::Published;
use ledger_store::start::check_durable;
use ledger_store::{
    Command, CrossBonusRequest, ExecuteError, Ledger, LedgerOptions, Outcome, Receipt, Repeat, Request,
};
use sqlx::PgConnection;

use crate::engine::{Decoded, Fact, Options, Projection, Projector};
use crate::error::ProjectError;
use crate::schedule::request;
use crate::source::{OpenSource, failure};

/// Its name, and that of the schema with its place.
pub const NAME: &str = "react";
/// Commands on their way at once.
const COMMANDS_AT_ONCE: usize = 256;
const BACKOFF: Duration = Duration::from_millis(500);

/// The reactor of one installation.
pub struct React {
    options: Options,
    clock: Clock,
    published: Published,
    open_source: OpenSource,
}

impl React {
    /// The reactor on the log of `options`, by `clock`, fed by what `open_source` opens; none of `published` may be ahead of
    /// the log.
    #[must_use]
    pub const fn new(options: Options, clock: Clock, published: Published, open_source: OpenSource) -> Self {
        Self { options, clock, published, open_source }
    }

    /// Works until the task is dropped; returns only for what trying again cannot help.
    pub async fn run(self) -> ProjectError {
        let ledger = loop {
            match self.open().await {
                Ok(ledger) => break ledger,
                Err(error) if error.is_retryable() => {
                    tracing::warn!(%error, "the reactor tries again");
                    tokio::time::sleep(BACKOFF).await;
                }
                Err(error) => return error,
            }
        };
        let Self { options, published, open_source, .. } = self;
        let projector = Projector::new(Box::new(Rewards { ledger }), options, open_source);
        tokio::select! {
            error = projector.run() => error,
            refused = published.watch() => failure(refused),
        }
    }

    /// It appends: what the service refuses at its start, it refuses too (design L9).
    async fn open(&self) -> Result<Ledger, ProjectError> {
        let log = self.options.log.pool().clone();
        check_durable(&log).await.map_err(failure)?;
        self.published.clone().ask().await.map_err(failure)?;
        Ledger::open(log, LedgerOptions::default(), self.clock.clone()).await.map_err(failure)
    }
}

struct Rewards {
    ledger: Ledger,
}

impl Projection for Rewards {
    fn name(&self) -> &'static str {
        NAME
    }

    fn tables(&self) -> &'static str {
        ""
    }

    fn apply<'a>(
        &'a self,
        _: &'a mut PgConnection,
        events: &'a [Decoded],
    ) -> BoxFuture<'a, Result<(), ProjectError>> {
        Box::pin(async move {
            let Some(newest) = events.iter().filter(|event| matters(event)).map(|event| event.position).max()
            else {
                return Ok(());
            };
            if self.ledger.head() < newest {
                // A chain may have been activated just before a purchase.
                self.ledger.refresh().await;
            }
            if self.ledger.head() < newest {
                // What is not known yet must not be passed by.
                let source = Box::new(ExecuteError::Unavailable);
                return Err(ProjectError::Sink { what: "the log, up to a purchase", source });
            }
            let registry = self.ledger.registry();
            let asked: Vec<Request> = events.iter().flat_map(|event| asked(&registry, event)).collect();
            let answers = futures::stream::iter(asked).map(|request| self.ledger.execute(request));
            let mut answers = answers.buffer_unordered(COMMANDS_AT_ONCE);
            while let Some(answer) = answers.next().await {
                told(answer)?;
            }
            Ok(())
        })
    }
}

/// Whether a fact can lead to commands.
const fn matters(event: &Decoded) -> bool {
    match &event.fact {
        Fact::Member(_, MemberEvent::BonusAccrued(fact)) => fact.revision.is_none(),
        Fact::Member(_, MemberEvent::ChainConverted(fact)) => !fact.held_out,
        _ => false,
    }
}

/// The commands that a fact leads to. What a purchase was recorded with is its accrual, which follows it in the same append
/// and says all that is asked for.
fn asked(registry: &Registry, event: &Decoded) -> Vec<Request> {
    match &event.fact {
        Fact::Member(member, MemberEvent::BonusAccrued(fact)) if matters(event) => {
            triggered(registry, event, *member, fact)
        }
        Fact::Member(member, MemberEvent::ChainConverted(fact)) if matters(event) => {
            followed(registry, event, *member, fact).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Says everything that makes one step of a chain and the purchase that triggered it this one.
fn cause(what: &[u8], (chain, version, step): (ChainId, u32, u32), trigger: PurchaseId) -> Vec<u8> {
    let (of_version, of_step) = (version.to_be_bytes(), step.to_be_bytes());
    [what, chain.as_uuid().as_bytes(), &of_version, &of_step, trigger.as_uuid().as_bytes()].concat()
}

/// The steps that a purchase triggers.
fn triggered(registry: &Registry, event: &Decoded, member_id: MemberId, fact: &BonusAccrued) -> Vec<Request> {
    let bought_at = event.occurred_at;
    let looked_up_at = fact.inputs.policy_moment.of_chains(bought_at, event.recorded_at);
    let triggered = registry.chains.triggered(fact.business_id, looked_up_at);
    let requests = triggered.filter(|it| may_take(it, fact)).map(|it| {
        let place = (it.chain.chain_id, it.version.version, it.place);
        request("react", &cause(b"reward ", place, fact.purchase_id), |key| {
            let when = (member_id, bought_at, looked_up_at);
            let take = TakeReward::of(&it, when, fact, CouponId::of_key(key));
            Command::Member { member_id, command: MemberCommand::TakeReward(Box::new(take)) }
        })
    });
    requests.collect()
}

/// The bonuses of a step that a purchase followed from, if those are its reward. Rule B9.
fn followed(
    registry: &Registry,
    event: &Decoded,
    member_id: MemberId,
    fact: &ChainConverted,
) -> Option<Request> {
    let ChainConverted { chain_id, version, step, trigger_id, purchase_id, .. } = *fact;
    let agreed = registry.chains.get(chain_id)?.version(version)?;
    let step_of = agreed.definition.steps.get(usize::try_from(step).ok()?)?;
    let Reward::CrossBonus { .. } = step_of.reward else { return None };
    let known_at = event.recorded_at;
    let earned_by = FollowedStep { chain_id, version, step, trigger_id, known_at };
    let cause = cause(b"cross bonus ", (chain_id, version, step), trigger_id);
    Some(request("react", &cause, |_| {
        Command::CrossBonus(CrossBonusRequest { member_id, purchase_id, earned_by })
    }))
}

/// Counts what was given; what can be asked again is.
fn told(answer: Result<Receipt, ExecuteError>) -> Result<(), ProjectError> {
    match answer {
        Ok(Receipt {
            outcome:
                Outcome::Member(
                    MemberOutcome::Rewarded { .. }
                    | MemberOutcome::Triggered { promise: Promise::CrossBonus },
                ),
            repeat: Repeat::First,
            ..
        }) => metrics::counter!("cross_promo_triggered_total").increment(1),
        Ok(_) => {}
        Err(error @ (ExecuteError::Unavailable | ExecuteError::Stopped)) => {
            return Err(ProjectError::Sink { what: "a command of the reactor", source: Box::new(error) });
        }
        Err(error @ (ExecuteError::Refused(_) | ExecuteError::Corrupt)) => {
            tracing::error!(%error, "a reward cannot be decided");
            metrics::counter!("react_refused_total").increment(1);
        }
    }
    Ok(())
}
