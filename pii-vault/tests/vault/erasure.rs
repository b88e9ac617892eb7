//! A member is forgotten: plan, destruction, what a restored backup brings.

use chrono::TimeDelta;
use ledger_core::ids::{ActId, MemberId, ReasonId};
use pii_vault::VaultError;
use pii_vault::auth::{ApprovalKind, Asked, By, Wanted};
use pii_vault::erasure::{Papers, Plan};
use uuid::Uuid;

use crate::support::{World, access, now, phone};

fn plan(member_id: MemberId, act: u128) -> Plan {
    Plan {
        act_id: ActId::from_uuid(Uuid::from_u128(act)),
        member_id,
        demanded_by: "herself".to_owned(),
        ground: "consent_withdrawn".to_owned(),
        asked_by: member_id.as_uuid(),
        begun_at: now(),
    }
}

fn papers() -> Papers {
    Papers { extract: "{}".to_owned(), extract_hash: [7; 32], act: "{}".to_owned() }
}

#[tokio::test]
async fn e2_rows_and_key_go_together_and_nothing_writes_for_her_again() {
    let world = World::new().await;
    let (members, erasures) = (world.vault.members(), world.vault.erasures());
    let (her, other) = (world.member("+79001234567").await, world.member("+79001234568").await);
    let reason = ReasonId::from_uuid(Uuid::from_u128(1));
    members.keep_reason(her, reason, "спор", &access()).await.unwrap();
    let token = world.vault.refresh_tokens().start(her, now()).await.unwrap().token;
    let begun = erasures.begin(&plan(her, 1), &[her]).await.unwrap();
    assert_eq!(erasures.begin(&plan(her, 2), &[her]).await.unwrap(), begun, "one plan for a member");
    let ended = world.vault.refresh_tokens().rotate(token.expose(), now()).await;
    assert!(ended.is_err(), "no session outlives the plan");
    assert_eq!(erasures.gone_since(now()).await.unwrap(), vec![her]);
    assert_eq!(erasures.under_way().await.unwrap(), vec![begun.clone()]);
    assert_eq!(erasures.still_here(&[her, other]).await.unwrap().len(), 2);

    let done = erasures.destroy(&begun.plan, &[her], (9, Some(&papers())), &access()).await.unwrap();
    let later = erasures.destroy(&begun.plan, &[her], (10, None), &access()).await.unwrap();
    assert_eq!(done, later, "the first destruction stands");
    assert_eq!((done.position, done.destroyed_at), (Some(9), Some(now())));
    assert_eq!(erasures.under_way().await.unwrap(), vec![]);
    assert_eq!(erasures.still_here(&[her, other]).await.unwrap(), vec![other]);
    let count = "SELECT (SELECT count(*) FROM vault.members) + (SELECT count(*) FROM vault_keys.member_keys)
        + (SELECT count(*) FROM vault.reasons) + (SELECT count(*) FROM auth.refresh_families)";
    assert_eq!(world.count(count).await, 2, "the other's row and key");
    assert!(matches!(members.profile(her, &access()).await, Err(VaultError::UnknownMember)));
    let written = members.keep_reason(her, reason, "спор", &access()).await;
    assert!(matches!(written, Err(VaultError::UnknownMember)));
    assert_eq!(members.find_by_phone(&phone("+79001234567"), &access()).await.unwrap(), None);
    assert_ne!(world.member("+79001234567").await, her, "the phone is free");
    world.close().await;
}

#[tokio::test]
async fn a_plan_that_the_log_refused_is_taken_back_and_papers_end_with_their_term() {
    let world = World::new().await;
    let erasures = world.vault.erasures();
    let her = world.member("+79001234567").await;
    let refused = erasures.begin(&plan(her, 1), &[her]).await.unwrap();
    erasures.abandon(refused.plan.act_id).await.unwrap();
    assert_eq!(erasures.gone_since(now()).await.unwrap(), vec![]);

    // The log says another act than a plan that was made on a restored backup: the log's stands.
    erasures.begin(&plan(her, 2), &[her]).await.unwrap();
    let done = erasures.destroy(&plan(her, 3), &[her], (9, None), &access()).await.unwrap();
    assert_eq!((done.act.clone(), done.plan.act_id), (None, plan(her, 3).act_id));
    let (asked, other) = (plan(her, 3).act_id, plan(her, 2).act_id);
    assert_eq!(erasures.not_done(&[asked, other]).await.unwrap(), vec![other]);
    erasures.keep_papers(asked, &papers()).await.unwrap();
    assert!(erasures.one(asked).await.unwrap().unwrap().act.is_some());
    erasures.abandon(asked).await.unwrap();
    assert_eq!(erasures.after(None, 10).await.unwrap().len(), 1, "what was carried out stays");
    assert_eq!(erasures.purge(now()).await.unwrap(), 0);
    assert_eq!(erasures.purge(now() + TimeDelta::days(1)).await.unwrap(), 1);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_waits_about_her_for_a_second_person_ends_with_her() {
    let world = World::new().await;
    let (erasures, approvals) = (world.vault.erasures(), world.vault.approvals());
    let (her, other) = (world.member("+79001234567").await, world.member("+79001234568").await);
    let (asker, decider, by) = (Uuid::from_u128(1), Uuid::from_u128(2), By::nobody(now()));
    let wanted = |member: MemberId, key: u8| Wanted {
        kind: ApprovalKind::ManualBonus,
        subject: Some(member.as_uuid()),
        key: [key; 32],
        fingerprint: [0; 32],
        inputs: b"{}",
        expires_at: now() + TimeDelta::hours(1),
    };
    let mut ids = Vec::new();
    for (member, key) in [(her, 1), (her, 2), (her, 3), (her, 4), (other, 5)] {
        let asked = approvals.ask(&wanted(member, key), asker, &by).await.unwrap();
        let Asked::New(approval) = asked else { panic!("new") };
        ids.push(approval.approval_id);
    }
    for (place, approved) in [(1, true), (2, false), (3, true)] {
        approvals.decide(ids[place], approved, decider, &by).await.unwrap();
    }
    approvals.carried_out(&[4; 32], &by).await.unwrap();
    let racing = wanted(her, 6);
    let destroy = async {
        let begun = erasures.begin(&plan(her, 1), &[her]).await.unwrap();
        erasures.destroy(&begun.plan, &[her], (9, None), &access()).await.unwrap()
    };
    let (raced, _) = futures::join!(approvals.ask(&racing, asker, &by), destroy);
    let mut ended = Vec::new();
    for id in &ids {
        ended.push(approvals.one(*id).await.unwrap().unwrap().ended_at.is_some());
    }
    assert_eq!(
        ended,
        [true, true, false, false, false],
        "open and approved; not what is decided or another's"
    );
    let decided = approvals.decide(ids[0], true, decider, &by).await.unwrap();
    assert_eq!(decided.decided, None, "nobody decides on it any more");
    match raced {
        Ok(Asked::New(approval)) => {
            assert!(approvals.one(approval.approval_id).await.unwrap().unwrap().ended_at.is_some());
        }
        other => assert!(matches!(other, Err(VaultError::UnknownMember)), "{other:?}"),
    }
    let late = approvals.ask(&wanted(her, 7), asker, &by).await;
    assert!(matches!(late, Err(VaultError::UnknownMember)), "{late:?}");
    world.close().await;
}
