//! A member is forgotten: one plan over two databases, which goes on after a crash at any step. Compliance E1–E10.
//!
//! 1. The vault notes the plan and ends her sign-ins ([`pii_vault::erasure`]): from here on no credential of hers is good.
//! 2. The log is told, under a key that follows from the act's number: told twice, it is told once.
//! 3. The vault destroys her rows and her key in one transaction, with the papers of it: extract and act.
//!
//! Whoever asks does all three. What stopped between them is done by [`go_on`], at each start and every half minute. The list of
//! who was forgotten is the log's own, and no backup of the vault has a part in it: [`agree`] destroys what the vault has of them
//! before a process answers anybody, so a restored backup brings nobody back.

mod gone;
mod pages;
pub(crate) mod papers;

use chrono::{DateTime, Utc};
use ledger_core::ids::{ActId, CorrelationId, MemberId};
use ledger_core::log::{Actor, ActorKind, Event, Position, StreamType};
use ledger_core::member::event::{DemandedBy, ErasureGround, MemberErased, MemberEvent};
use ledger_core::member::{Erase, MemberCommand};
use ledger_core::rejection::Rejection;
use ledger_store::log::{self, StoredRow};
use ledger_store::{Command, ExecuteError, Idempotency, Request};
use pii_vault::access::{Access, Accessor, Purpose};
use pii_vault::erasure::{Erasure, Plan};
use uuid::Uuid;

use crate::app::App;
use crate::natural_key::fingerprint;
use crate::problem::{ApiError, Cause};
use crate::retention;

pub(crate) use gone::Gone;
pub(crate) use pages::{act_page, extract_page, moment, shown};

/// Rows of the log that are compared with the vault at once.
const PAGE: i64 = 500;

/// Who is to be forgotten, on whose demand, and why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    /// Who; of accounts that are one, any.
    pub(crate) member: MemberId,
    /// On whose demand.
    pub(crate) demanded_by: DemandedBy,
    /// Why.
    pub(crate) ground: ErasureGround,
    /// The number that the act gets; what follows from a request's key is the same for its repeat.
    pub(crate) act_id: ActId,
    /// Who asks.
    pub(crate) asked_by: Uuid,
    /// The request.
    pub(crate) correlation_id: CorrelationId,
}

/// What became of a demand.
#[derive(Debug)]
pub(crate) struct Forgotten {
    /// What was asked, and where it stands.
    pub(crate) erasure: Erasure,
    /// Whether everything is destroyed. If not, the rest follows by itself.
    pub(crate) is_done: bool,
    /// Whether it was done before.
    pub(crate) replayed: bool,
}

impl Demand {
    /// Forgets her.
    ///
    /// # Errors
    /// Nobody of this id; one who is forgotten already; what the vault cannot do before anything is begun.
    pub(crate) async fn carry_out(self, app: &App) -> Result<Forgotten, ApiError> {
        app.ledger.refresh().await;
        let registry = app.ledger.registry();
        let accounts = registry.accounts.one_with(registry.accounts.survivor(self.member));
        if !is_member(app, &accounts).await? {
            return Err(Rejection::MemberNotFound.into());
        }
        let plan = Plan {
            act_id: self.act_id,
            // The log decides for whichever account stands for this one then: accounts may be joined or parted till it does.
            member_id: self.member,
            demanded_by: match self.demanded_by {
                DemandedBy::Herself => "herself".to_owned(),
                DemandedBy::Admin => "admin".to_owned(),
            },
            ground: self.ground.as_str().to_owned(),
            asked_by: self.asked_by,
            begun_at: app.clock.now().to_utc(),
        };
        let begun = app.vault.erasures().begin(&plan, &accounts).await?;
        let is_other = begun.plan.ground != plan.ground || !accounts.contains(&begun.plan.member_id);
        if begun.plan.act_id == self.act_id && is_other {
            return Err(Rejection::IdempotencyKeyReused.into());
        }
        if begun.destroyed_at.is_some() {
            let is_repeat = begun.plan.act_id == self.act_id;
            let again = Forgotten { erasure: begun, is_done: true, replayed: true };
            return if is_repeat { Ok(again) } else { Err(Rejection::MemberErased.into()) };
        }
        app.gone.add(&accounts);
        match proceed(app, &begun, self.correlation_id).await {
            Ok(erasure) => Ok(Forgotten { erasure, is_done: true, replayed: false }),
            Err(ApiError::Rejected(refused)) => Err(refused.into()),
            // It is begun, so it will be done: the next round goes on.
            Err(later) => {
                later.log_cause("erasure");
                Ok(Forgotten { erasure: begun, is_done: false, replayed: false })
            }
        }
    }
}

/// Whether any of these is a member's: the vault or the log knows her. Nobody else is ever shut out.
async fn is_member(app: &App, accounts: &[MemberId]) -> Result<bool, ApiError> {
    if !app.vault.erasures().still_here(accounts).await?.is_empty() {
        return Ok(true);
    }
    for account in accounts {
        let rows = log::read_stream(&app.log_pool, account.as_uuid(), 0).await?;
        if rows.iter().any(|stored| stored.row.stream_type == StreamType::Member) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Steps 2 and 3 of a plan.
async fn proceed(app: &App, begun: &Erasure, correlation_id: CorrelationId) -> Result<Erasure, ApiError> {
    let plan = &begun.plan;
    let command = MemberCommand::Erase(Erase {
        act_id: plan.act_id,
        demanded_by: demanded_by(&plan.demanded_by),
        ground: ground(&plan.ground),
    });
    let act = plan.act_id.as_uuid();
    let kind = if plan.demanded_by == "herself" { ActorKind::Member } else { ActorKind::Admin };
    let request = Request {
        command: Command::Member { member_id: plan.member_id, command },
        idempotency: Idempotency {
            key: fingerprint(&[b"erasure", act.as_bytes()]),
            revision: 1,
            fingerprint: fingerprint(&[plan.member_id.as_uuid().as_bytes(), act.as_bytes()]),
        },
        actor: Actor { kind, id: plan.asked_by },
        source: "api",
        correlation_id,
    };
    let receipt = match app.ledger.execute(request).await {
        Ok(receipt) => receipt,
        Err(ExecuteError::Refused(refused)) => {
            // Nobody of this id, or one whom another act has forgotten: there is nothing to carry out.
            app.vault.erasures().abandon(plan.act_id).await?;
            let registry = app.ledger.registry();
            let accounts = registry.accounts.one_with(registry.accounts.survivor(plan.member_id));
            app.gone.take_back(&accounts, &app.vault, &app.clock).await;
            return Err(refused.into());
        }
        Err(other) => return Err(other.into()),
    };
    let said = fact_of_act(app, plan, receipt.position).await?;
    destroy(app, &said, plan.begun_at, accessor(&said)).await
}

/// What the log says of this act. It stands on the stream of whoever stood for the plan's account when it was decided.
async fn fact_of_act(app: &App, plan: &Plan, position: Option<Position>) -> Result<StoredRow, ApiError> {
    let is_it = |stored: &StoredRow| fact_of(stored).is_ok_and(|fact| fact.act_id == plan.act_id);
    if let Some(position) = position {
        let rows = log::read_decision(&app.log_pool, position).await?;
        if let Some(said) = rows.into_iter().find(is_it) {
            return Ok(said);
        }
    }
    let survivor = app.ledger.registry().accounts.survivor(plan.member_id);
    for account in [plan.member_id, survivor] {
        let rows = log::read_stream(&app.log_pool, account.as_uuid(), 0).await?;
        if let Some(said) = rows.into_iter().find(is_it) {
            return Ok(said);
        }
    }
    Err(ApiError::Unavailable(Cause::Impossible("an erasure that is not on the log")))
}

/// Whose access the destruction is: whoever asked for it, as the log says.
fn accessor(said: &StoredRow) -> Accessor {
    let Actor { kind, id } = said.row.metadata.actor;
    match kind {
        ActorKind::Member => Accessor::Member(MemberId::from_uuid(id)),
        ActorKind::Admin => Accessor::Admin(id),
        ActorKind::Business | ActorKind::System => Accessor::System,
    }
}

/// Step 3: what the log says is done. May be repeated.
async fn destroy(
    app: &App,
    said: &StoredRow,
    begun_at: DateTime<Utc>,
    by: Accessor,
) -> Result<Erasure, ApiError> {
    let fact = fact_of(said)?;
    let member_id = MemberId::from_uuid(said.row.stream_id);
    let plan = Plan {
        act_id: fact.act_id,
        member_id,
        demanded_by: match fact.demanded_by {
            DemandedBy::Herself => "herself".to_owned(),
            DemandedBy::Admin => "admin".to_owned(),
        },
        ground: fact.ground.as_str().to_owned(),
        asked_by: said.row.metadata.actor.id,
        begun_at,
    };
    let accounts = accounts_of(member_id, &fact);
    let now = app.clock.now().to_utc();
    let access = Access {
        by,
        purpose: Purpose::Erasure,
        request_id: Some(said.row.metadata.correlation_id.as_uuid()),
        at: now,
    };
    let erasures = app.vault.erasures();
    // Papers say when it was done first.
    let destroyed_at = erasures.one(plan.act_id).await?.and_then(|known| known.destroyed_at).unwrap_or(now);
    let papers =
        app.operator.as_ref().map(|operator| papers::of(operator, said, &fact, destroyed_at)).transpose()?;
    let done = erasures.destroy(&plan, &accounts, (said.row.position, papers.as_ref()), &access).await?;
    app.gone.add(&accounts);
    tracing::info!(act.id = %plan.act_id, member.id = %member_id, "a member is forgotten");
    Ok(done)
}

/// Carries on what stopped, whoever began it; what fails is left for the next round.
pub(crate) async fn go_on(app: &App) -> Result<(), ApiError> {
    for begun in app.vault.erasures().under_way().await? {
        let correlation_id = CorrelationId::from_uuid(Uuid::now_v7());
        match proceed(app, &begun, correlation_id).await {
            Ok(_) | Err(ApiError::Rejected(_)) => {}
            Err(later) => later.log_cause("erasure"),
        }
    }
    Ok(())
}

/// Destroys whatever the vault has of those whom the log says are forgotten: after a restored backup, before anybody is
/// answered. Papers that went with a backup are made again, as long as their term lasts.
pub(crate) async fn agree(app: &App) -> Result<(), ApiError> {
    let erasures = app.vault.erasures();
    let term_begins = app.clock.now().to_utc() - retention::PAPERS.term();
    let mut after: Position = 0;
    loop {
        let rows = log::read_erased(&app.log_pool, after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.row.position;
        let mut said = Vec::with_capacity(rows.len());
        for stored in rows {
            let fact = fact_of(&stored)?;
            let accounts = accounts_of(MemberId::from_uuid(stored.row.stream_id), &fact);
            said.push((stored, fact, accounts));
        }
        let all: Vec<MemberId> = said.iter().flat_map(|(_, _, accounts)| accounts.iter().copied()).collect();
        let acts: Vec<ActId> = said.iter().map(|(_, fact, _)| fact.act_id).collect();
        let here = erasures.still_here(&all).await?;
        let unknown = erasures.not_done(&acts).await?;
        for (stored, fact, accounts) in &said {
            let recorded_at = stored.row.recorded_at.to_utc();
            let came_back = accounts.iter().any(|id| here.contains(id));
            if came_back || (unknown.contains(&fact.act_id) && recorded_at > term_begins) {
                destroy(app, stored, recorded_at, Accessor::System).await?;
            }
        }
    }
}

/// The papers of an erasure; made now, where they could not be when it was done.
///
/// # Errors
/// [`ApiError::OperatorUnknown`] in an installation that does not say who operates it.
pub(crate) async fn papers_of(
    app: &App,
    erasure: Erasure,
) -> Result<Option<(papers::Extract, papers::Act)>, ApiError> {
    let (Some(position), Some(destroyed_at)) = (erasure.position, erasure.destroyed_at) else {
        return Ok(None);
    };
    let (extract, act) = match (erasure.extract, erasure.act) {
        (Some(extract), Some(act)) => (extract, act),
        _ => {
            let operator = app.operator.as_ref().ok_or(ApiError::OperatorUnknown)?;
            let rows = log::read_after(&app.log_pool, position.saturating_sub(1), 1).await?;
            let said = rows.first().ok_or(ApiError::Unavailable(Cause::Impossible("no such position")))?;
            let papers = papers::of(operator, said, &fact_of(said)?, destroyed_at)?;
            app.vault.erasures().keep_papers(erasure.plan.act_id, &papers).await?;
            (papers.extract, papers.act)
        }
    };
    let unreadable = |_| ApiError::Unavailable(Cause::Impossible("a paper cannot be read"));
    let extract: papers::Extract = serde_json::from_str(&extract).map_err(unreadable)?;
    Ok(Some((extract, serde_json::from_str(&act).map_err(unreadable)?)))
}

fn fact_of(said: &StoredRow) -> Result<MemberErased, ApiError> {
    match said.row.event() {
        Ok(Event::Member(MemberEvent::MemberErased(fact))) => Ok(fact),
        _ => Err(ApiError::Unavailable(Cause::Impossible("an erasure on the log cannot be read"))),
    }
}

fn accounts_of(member: MemberId, fact: &MemberErased) -> Vec<MemberId> {
    std::iter::once(member).chain(fact.accounts.iter().copied()).collect()
}

fn demanded_by(word: &str) -> DemandedBy {
    if word == "herself" { DemandedBy::Herself } else { DemandedBy::Admin }
}

/// The ground of a stored word; the table takes no others.
pub(crate) fn ground(word: &str) -> ErasureGround {
    let known = ErasureGround::ALL.into_iter().find(|ground| ground.as_str() == word);
    known.unwrap_or(ErasureGround::DemandToStop)
}
