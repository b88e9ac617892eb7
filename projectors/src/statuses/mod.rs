//! Folds the log into each member's two statuses, her consents and her bills. Rules S1, S3, S6, S7.
//!
//! Both tracks are kept, with and without medical businesses; which one is shown is the consent's word, taken by the
//! reader. Bills are kept by moment, so that the sums of the window of Rule S1 are exact at any now.

mod requests;
mod sql;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use futures::future::BoxFuture;
use ledger_core::ids::{MemberId, PurchaseId};
use ledger_core::log::Position;
use ledger_core::member::event::{
    AccountRestored, AccountTakenIn, MemberEvent, MemberRegistered, MembershipBackdated, PremiumRenewed,
    PremiumStarted, PurchaseAmended, PurchaseRecorded, PurchaseTakenOver, RightsEvent, StatusChanged,
    StatusDowngradeCancelled, StatusDowngradeScheduled, Track,
};
use ledger_core::member::state::StatusTrack;
use ledger_core::member::status::Status;
use ledger_core::time::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::engine::{Decoded, Fact, Projection};
use crate::error::ProjectError;
use requests::write_requests;
use sql::{
    write_bill_changes, write_bills, write_consents, write_flags, write_members, write_moved, write_paid,
};

/// The read model `statuses`.
pub struct Statuses;

/// One track after the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TrackState {
    status: Status,
    falls: Option<(NaiveDate, Status)>,
}

/// What a batch says about one member; what it does not say stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Member {
    registered_at: Option<DateTime<Utc>>,
    ordinary: Option<TrackState>,
    with_medical: Option<TrackState>,
}

/// What a batch says beside the tracks about one member: who she is to an admin and to the daily ranking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Flags {
    invited: Option<bool>,
    blocked: Option<bool>,
    top_ordinary: Option<bool>,
    top_with_medical: Option<bool>,
    erased: Option<bool>,
    processing_blocked: Option<bool>,
}

/// One thing that happens to what she paid for Premium. Rule S4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paid {
    Period { from: DateTime<Utc>, to: DateTime<Utc> },
    Cancelled { at: DateTime<Utc> },
    Lapsed { at: DateTime<Utc> },
}

/// What goes from one account to another.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Moved {
    /// All there is.
    Whole { from: Uuid, into: Uuid },
    /// What came before, with these purchases.
    Back { from: Uuid, into: Uuid, purchases: Vec<Uuid> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Consent {
    granted: bool,
    version: String,
    at: DateTime<Utc>,
    position: Position,
}

/// What a bill changes by. Rules F6, D3.
struct BillChange {
    member: Uuid,
    purchase: Uuid,
    bought_at: DateTime<Utc>,
    kopecks: i64,
    position: Position,
}

#[derive(Default)]
struct Changes<'a> {
    members: BTreeMap<Uuid, Member>,
    consents: BTreeMap<(Uuid, String), Consent>,
    bills: Vec<(Uuid, &'a Decoded, &'a PurchaseRecorded)>,
    /// What bills change by.
    changes: Vec<BillChange>,
    flags: BTreeMap<Uuid, Flags>,
    paid: Vec<(Uuid, Paid)>,
    moved: Vec<Moved>,
    /// Facts about demands.
    requests: Vec<(Uuid, &'a Decoded, &'a RightsEvent)>,
}

impl<'a> Changes<'a> {
    fn schedule(&mut self, id: Uuid, fact: &StatusDowngradeScheduled) {
        let falls = Some((fact.on.to_date(), fact.to));
        self.track(id, fact.track, TrackState { status: fact.from, falls });
    }

    fn enter(&mut self, member_id: MemberId, event: &'a Decoded, fact: &'a MemberEvent) {
        let id = member_id.as_uuid();
        match fact {
            MemberEvent::MemberRegistered(MemberRegistered { registered_at })
            | MemberEvent::MembershipBackdated(MembershipBackdated { registered_at }) => {
                self.member(id).registered_at = Some(registered_at.to_utc());
            }
            MemberEvent::ConsentGranted(fact) => {
                self.consent(id, fact.purpose.to_string(), true, fact.version.to_string(), event);
            }
            MemberEvent::ConsentWithdrawn(fact) => {
                self.consent(id, fact.purpose.to_string(), false, fact.version.to_string(), event);
            }
            MemberEvent::PurchaseRecorded(fact) => self.bill(id, event, fact),
            MemberEvent::PurchaseTakenOver(fact) => self.take_over(id, event, fact),
            MemberEvent::StatusChanged(StatusChanged { track, to: status, .. })
            | MemberEvent::StatusDowngradeCancelled(StatusDowngradeCancelled { track, status, .. }) => {
                self.track(id, *track, TrackState { status: *status, falls: None });
            }
            MemberEvent::StatusDowngradeScheduled(fact) => self.schedule(id, fact),
            MemberEvent::PurchaseRefunded(fact) => {
                self.change(id, event, (fact.purchase_id, fact.bought_at), -fact.amount.kopecks());
            }
            MemberEvent::PurchaseAmended(fact) => self.amend(id, event, fact),
            MemberEvent::InnerCircleInvited(_) => self.flags(id).invited = Some(true),
            MemberEvent::InnerCircleInvitationWithdrawn(_) => self.flags(id).invited = Some(false),
            MemberEvent::MemberBlocked(_) => self.flags(id).blocked = Some(true),
            MemberEvent::MemberUnblocked(_) => self.flags(id).blocked = Some(false),
            MemberEvent::TopSpendersEntered(fact) => self.top(id, fact.track, true),
            MemberEvent::TopSpendersLeft(fact) => self.top(id, fact.track, false),
            MemberEvent::PremiumStarted(PremiumStarted { from, to, .. })
            | MemberEvent::PremiumRenewed(PremiumRenewed { from, to, .. }) => {
                self.pay(id, Paid::Period { from: from.to_utc(), to: to.to_utc() });
            }
            MemberEvent::PremiumCancelled(fact) => self.pay(id, Paid::Cancelled { at: fact.at.to_utc() }),
            MemberEvent::PremiumLapsed(fact) => self.pay(id, Paid::Lapsed { at: fact.ended_at.to_utc() }),
            MemberEvent::MemberErased(_) => self.flags(id).erased = Some(true),
            MemberEvent::Rights(fact) => self.right(id, event, fact),
            MemberEvent::AccountMerged(_) => self.stand(id, StatusTrack::default(), StatusTrack::default()),
            MemberEvent::AccountTakenIn(fact) => self.take_in(id, fact),
            MemberEvent::AccountParted(fact) => self.flags(id).invited = Some(fact.invited),
            MemberEvent::AccountRestored(fact) => self.restore(id, fact),
            MemberEvent::PurchaseQuarantined(_)
            | MemberEvent::PhoneChanged(_)
            | MemberEvent::QuarantineApplied(_)
            | MemberEvent::QuarantineDropped(_)
            | MemberEvent::BonusesHeld(_)
            | MemberEvent::HoldReleased(_)
            | MemberEvent::BonusesRedeemed(_)
            | MemberEvent::BonusReturned(_)
            | MemberEvent::BonusTakenBack(_)
            | MemberEvent::DebtIncurred(_)
            | MemberEvent::DebtRepaid(_)
            | MemberEvent::DebtWrittenOff(_)
            | MemberEvent::WaitingRefundDropped(_)
            | MemberEvent::BonusAccrued(_)
            | MemberEvent::BonusMatured(_)
            | MemberEvent::BonusExpired(_)
            | MemberEvent::BonusGifted(_)
            | MemberEvent::BonusAdjusted(_)
            | MemberEvent::BonusWithdrawn(_)
            | MemberEvent::CouponIssued(_)
            | MemberEvent::CouponActivated(_)
            | MemberEvent::CouponRedeemed(_)
            | MemberEvent::CouponReckoned(_)
            | MemberEvent::CouponExpired(_)
            | MemberEvent::CouponRevoked(_)
            | MemberEvent::ChainTriggered(_)
            | MemberEvent::ChainConverted(_)
            | MemberEvent::CrossBonusAccrued(_) => {}
        }
    }

    fn right(&mut self, id: Uuid, event: &'a Decoded, fact: &'a RightsEvent) {
        match fact {
            RightsEvent::ProcessingBlocked(_) => self.flags(id).processing_blocked = Some(true),
            RightsEvent::ProcessingUnblocked(_) => self.flags(id).processing_blocked = Some(false),
            RightsEvent::SubjectRequestReceived(_)
            | RightsEvent::SubjectRequestExtended(_)
            | RightsEvent::SubjectRequestAnswered(_) => self.requests.push((id, event, fact)),
        }
    }

    fn amend(&mut self, id: Uuid, event: &Decoded, fact: &PurchaseAmended) {
        let (before, after) = fact.counted();
        let more = after.kopecks().saturating_sub(before.kopecks());
        self.change(id, event, (fact.purchase_id, fact.bought_at), more);
    }

    fn take_in(&mut self, id: Uuid, fact: &AccountTakenIn) {
        self.flags(id).invited = Some(fact.invited);
        self.moved.push(Moved::Whole { from: fact.absorbed.as_uuid(), into: id });
    }

    fn restore(&mut self, id: Uuid, fact: &AccountRestored) {
        self.stand(id, fact.estate.ordinary, fact.estate.with_medical);
        let purchases = fact.estate.books.purchases().map(|purchase| purchase.as_uuid()).collect();
        self.moved.push(Moved::Back { from: fact.survivor.as_uuid(), into: id, purchases });
    }

    /// Her standing from now on, whatever it was.
    fn stand(&mut self, id: Uuid, ordinary: StatusTrack, with_medical: StatusTrack) {
        for (which, track) in [(Track::Ordinary, ordinary), (Track::WithMedical, with_medical)] {
            let falls = track.scheduled.map(|falls| (falls.on.to_date(), falls.to));
            self.track(id, which, TrackState { status: track.status, falls });
            self.top(id, which, track.top);
        }
        self.flags(id).invited = Some(ordinary.invited);
    }

    fn bill(&mut self, id: Uuid, event: &'a Decoded, fact: &'a PurchaseRecorded) {
        self.member(id);
        self.bills.push((id, event, fact));
    }

    /// A bill of hers, less what refunds gave back of it before. Rules D3, F6.
    fn take_over(&mut self, id: Uuid, event: &'a Decoded, fact: &'a PurchaseTakenOver) {
        self.bill(id, event, &fact.purchase);
        let less = fact.counted().kopecks().saturating_sub(fact.purchase.amount.kopecks());
        self.change(id, event, (fact.purchase.purchase_id, event.occurred_at), less);
    }

    fn change(
        &mut self,
        member: Uuid,
        event: &Decoded,
        (purchase, bought_at): (PurchaseId, Timestamp),
        kopecks: i64,
    ) {
        let (purchase, bought_at, position) = (purchase.as_uuid(), bought_at.to_utc(), event.position);
        self.changes.push(BillChange { member, purchase, bought_at, kopecks, position });
    }

    fn pay(&mut self, id: Uuid, paid: Paid) {
        self.paid.push((id, paid));
    }

    fn member(&mut self, id: Uuid) -> &mut Member {
        self.members.entry(id).or_default()
    }

    fn flags(&mut self, id: Uuid) -> &mut Flags {
        self.member(id);
        self.flags.entry(id).or_default()
    }

    fn top(&mut self, id: Uuid, which: Track, is_top: bool) {
        let flags = self.flags(id);
        if matches!(which, Track::Ordinary | Track::Both) {
            flags.top_ordinary = Some(is_top);
        }
        if matches!(which, Track::WithMedical | Track::Both) {
            flags.top_with_medical = Some(is_top);
        }
    }

    fn track(&mut self, id: Uuid, which: Track, state: TrackState) {
        let member = self.member(id);
        if matches!(which, Track::Ordinary | Track::Both) {
            member.ordinary = Some(state);
        }
        if matches!(which, Track::WithMedical | Track::Both) {
            member.with_medical = Some(state);
        }
    }

    fn consent(&mut self, id: Uuid, purpose: String, granted: bool, version: String, event: &Decoded) {
        self.member(id);
        let consent = Consent { granted, version, at: event.recorded_at.to_utc(), position: event.position };
        self.consents.insert((id, purpose), consent);
    }
}

impl Projection for Statuses {
    fn name(&self) -> &'static str {
        "statuses"
    }

    fn tables(&self) -> &'static str {
        include_str!("../../../migrations/read/statuses.sql")
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        events: &'a [Decoded],
    ) -> BoxFuture<'a, Result<(), ProjectError>> {
        Box::pin(async move {
            let mut changes = Changes::default();
            for event in events {
                if let Fact::Member(member, fact) = &event.fact {
                    changes.enter(*member, event, fact);
                }
            }
            write_members(connection, &changes.members).await?;
            write_consents(connection, &changes.consents).await?;
            write_bills(connection, &changes.bills).await?;
            write_bill_changes(connection, &changes.changes).await?;
            write_flags(connection, &changes.flags).await?;
            write_paid(connection, &changes.paid).await?;
            write_moved(connection, &changes.moved).await?;
            write_requests(connection, &changes.requests).await
        })
    }
}
