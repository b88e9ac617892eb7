//! Staff, second persons and what is written down of them: their rules under real concurrency.

use chrono::TimeDelta;
use futures::future::join_all;
use pii_vault::VaultError;
use pii_vault::auth::{ApprovalKind, Asked, By, Holder, Login, SecondFactor, TriedFrom, Wanted, Which};
use totp_rs::{Builder, Secret};
use uuid::Uuid;

use crate::support::{World, business_id, now};

const PASSWORD: &str = "correct horse battery";

/// One of many addresses, now.
fn from(place: u8) -> TriedFrom {
    TriedFrom { address: Some([192, 0, 2, place].into()), machine_now: now() }
}

fn login() -> Login {
    Login::parse("kassa-1").unwrap()
}

/// An account that has chosen its secrets; its TOTP code of now, and its recovery codes.
async fn enrolled(world: &World) -> (Uuid, String, Vec<String>) {
    let by = By::nobody(now());
    let staff = world.vault.staff();
    let invited = staff.create(Some(business_id()), "business_staff", &login(), &by).await.unwrap();
    let late = By::nobody(now() + TimeDelta::days(3));
    let refused = staff.enrol(invited.token.expose(), PASSWORD, &late).await;
    assert!(matches!(refused, Err(VaultError::EnrolmentInvalid)), "a token has its time");
    let enrolled = staff.enrol(invited.token.expose(), PASSWORD, &by).await.unwrap();
    let refused = staff.enrol(invited.token.expose(), PASSWORD, &by).await;
    assert!(matches!(refused, Err(VaultError::EnrolmentInvalid)), "a token is good once");
    let secret = enrolled.otpauth_uri.split("secret=").nth(1).unwrap().split('&').next().unwrap();
    let totp = Builder::new().with_secret(Secret::try_from_base32(secret).unwrap()).build().unwrap();
    let code = totp.generate(u64::try_from(now().timestamp()).unwrap()).to_string();
    (invited.staff_id, code, enrolled.recovery_codes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_with_one_code_one_gets_in() {
    let world = World::new().await;
    let (_, code, recovery) = enrolled(&world).await;
    for factor in [SecondFactor::Totp(code), SecondFactor::Recovery(recovery[3].to_lowercase())] {
        let (staff, login, by) = (world.vault.staff(), login(), By::nobody(now()));
        let tries = (0..5).map(|_| staff.sign_in(&login, PASSWORD, &factor, &by, from(1)));
        let outcomes = join_all(tries).await;
        let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(won, 1, "{outcomes:?}");
        sqlx::query("DELETE FROM auth.send_windows").execute(&world.owner).await.unwrap();
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_number_of_tries_at_once_gets_past_five_and_nobody_else_is_shut_out() {
    let world = World::new().await;
    let (_, code, recovery) = enrolled(&world).await;
    let (staff, login, by) = (world.vault.staff(), login(), By::nobody(now()));
    let wrong = SecondFactor::Totp("000000".to_owned());
    let tries = (0..20).map(|_| staff.sign_in(&login, "wrong horse battery", &wrong, &by, from(1)));
    let refused = join_all(tries).await;
    let looked_at = refused.iter().filter(|one| matches!(one, Err(VaultError::SignInRefused))).count();
    assert_eq!(looked_at, 5);
    let right = SecondFactor::Totp(code);
    let shut = staff.sign_in(&login, PASSWORD, &right, &by, from(1)).await;
    assert!(matches!(shut, Err(VaultError::SendLimit { retry_after_s: 1..=900 })), "{shut:?}");
    // Whoever guesses shuts her own address out, and not whose login it is.
    let elsewhere = SecondFactor::Recovery(recovery[0].clone());
    assert!(staff.sign_in(&login, PASSWORD, &elsewhere, &by, from(2)).await.is_ok());
    let later = TriedFrom { machine_now: now() + TimeDelta::seconds(901), ..from(1) };
    assert!(staff.sign_in(&login, PASSWORD, &right, &by, later).await.is_ok());
    // A flood of refusals is not written down line by line; what a recovery code opened is.
    let count = "SELECT count(*) FROM auth.security_events WHERE kind IN ('sign_in_failed', 'locked_out')";
    assert_eq!(world.count(count).await, 5 + 10, "five that were looked at, ten of those that were not");
    let count = "SELECT count(*) FROM auth.security_events WHERE kind = 'recovery_code_used'";
    assert_eq!(world.count(count).await, 1);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flood_of_refusals_does_not_hide_which_account_is_guessed() {
    let world = World::new().await;
    let (id, _, _) = enrolled(&world).await;
    let (staff, by) = (world.vault.staff(), By::nobody(now()));
    let wrong = SecondFactor::Totp("000000".to_owned());
    // Logins that nobody has, until nothing more is written of them.
    for number in 0..15 {
        let nobodys = Login::parse(&format!("kassa-{}", 100 + number)).unwrap();
        let refused = staff.sign_in(&nobodys, PASSWORD, &wrong, &by, from(1)).await;
        assert!(matches!(refused, Err(VaultError::SignInRefused)), "{refused:?}");
    }
    let refused = staff.sign_in(&login(), "wrong horse battery", &wrong, &by, from(1)).await;
    assert!(matches!(refused, Err(VaultError::SignInRefused)), "{refused:?}");
    let log = world.vault.security_log().before(i64::MAX, 50).await.unwrap();
    let failed: Vec<_> = log.iter().filter(|entry| entry.kind == "sign_in_failed").collect();
    assert_eq!(failed.len(), 10 + 1);
    assert_eq!(failed.iter().filter(|entry| entry.subject_id == Some(id)).count(), 1, "{failed:?}");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_login_is_shut_for_all_after_fifty_wrong_tries_from_everywhere() {
    let world = World::new().await;
    let (_, code, _) = enrolled(&world).await;
    let (staff, login, by) = (world.vault.staff(), login(), By::nobody(now()));
    let wrong = SecondFactor::Totp("000000".to_owned());
    let tries = (0..60).map(|place| staff.sign_in(&login, "wrong horse battery", &wrong, &by, from(place)));
    let refused = join_all(tries).await;
    let looked_at = refused.iter().filter(|one| matches!(one, Err(VaultError::SignInRefused))).count();
    assert_eq!(looked_at, 50);
    let shut = staff.sign_in(&login, PASSWORD, &SecondFactor::Totp(code), &by, from(200)).await;
    assert!(matches!(shut, Err(VaultError::SendLimit { retry_after_s: 1..=900 })), "{shut:?}");
    let other = Login::parse("kassa-2").unwrap();
    let refused = staff.sign_in(&other, PASSWORD, &wrong, &by, from(200)).await;
    assert!(matches!(refused, Err(VaultError::SignInRefused)), "another login is not concerned");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rights_taken_away_end_every_sign_in_and_are_written_down() {
    let world = World::new().await;
    let (id, code, _) = enrolled(&world).await;
    let (staff, by) = (world.vault.staff(), By { actor: Some(Uuid::new_v4()), ..By::nobody(now()) });
    let tokens = world.vault.refresh_tokens();
    let started = tokens.start(Holder::Staff(id), now()).await.unwrap();
    assert!(matches!(tokens.rotate(started.token.expose(), now()).await, Err(VaultError::RefreshExpired)));
    assert_eq!(tokens.sessions(Holder::Staff(id), now()).await.unwrap().len(), 1);
    staff.change_role(id, "business_manager", &by).await.unwrap();
    assert_eq!(tokens.ended_since(now()).await.unwrap(), [started.session_id]);
    let refused = tokens.rotate_staff(started.token.expose(), now()).await;
    assert!(matches!(refused, Err(VaultError::RefreshInvalid)));
    assert!(staff.change_role(id, "admin", &by).await.is_err(), "a business's people are its own");
    tokens.start(Holder::Staff(id), now()).await.unwrap();
    assert_eq!(tokens.end(Holder::Staff(id), Which::AllBut(None), &by).await.unwrap().len(), 1);
    staff.reset(id, &by).await.unwrap();
    let factor = SecondFactor::Totp(code);
    let refused = staff.sign_in(&login(), PASSWORD, &factor, &by, from(1)).await;
    assert!(matches!(refused, Err(VaultError::SignInRefused)));
    staff.disable(id, &by).await.unwrap();
    let log = world.vault.security_log().before(i64::MAX, 50).await.unwrap();
    let kinds: Vec<&str> = log.iter().rev().map(|entry| entry.kind.as_str()).collect();
    let expected = [
        "staff_created",
        "staff_enrolled",
        "staff_role_changed",
        "session_ended",
        "staff_reset",
        "sign_in_failed",
        "staff_disabled",
    ];
    assert_eq!(kinds, expected);
    for sql in [
        "UPDATE auth.security_events SET kind = 'x'",
        "DELETE FROM auth.security_events",
        "TRUNCATE auth.security_events",
    ] {
        assert!(sqlx::query(sql).execute(&world.owner).await.is_err(), "{sql}");
        assert!(sqlx::query(sql).execute(&world.pool).await.is_err(), "{sql}");
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn battery_c8_of_many_who_decide_one_does_and_never_the_one_who_asked() {
    let world = World::new().await;
    let (approvals, asker) = (world.vault.approvals(), Uuid::new_v4());
    let by = By::nobody(now());
    let wanted = |key: u8, asks: u8| Wanted {
        kind: ApprovalKind::BonusLimit,
        subject: None,
        key: [key; 32],
        fingerprint: [asks; 32],
        inputs: b"{}",
        expires_at: now() + TimeDelta::hours(1),
    };
    let Asked::New(asked) = approvals.ask(&wanted(1, 1), asker, &by).await.unwrap() else { panic!("new") };
    assert!(matches!(approvals.ask(&wanted(1, 1), asker, &by).await.unwrap(), Asked::Before(_)));
    assert_eq!(approvals.ask(&wanted(1, 2), asker, &by).await.unwrap(), Asked::KeyOfAnother);
    let id = asked.approval_id;
    let herself = approvals.decide(id, true, asker, &by).await.unwrap();
    assert_eq!(herself.decided, None);
    let others: Vec<Uuid> = (0..8).map(|_| Uuid::new_v4()).collect();
    let decided = join_all(others.iter().map(|who| approvals.decide(id, true, *who, &by))).await;
    let winner = decided[0].as_ref().unwrap().decided.unwrap().0;
    assert!(decided.iter().all(|one| one.as_ref().unwrap().decided.unwrap().0 == winner));
    // That it was carried out is noted once, and of nothing that nobody approved.
    let later = By::nobody(now() + TimeDelta::minutes(1));
    approvals.carried_out(&[1; 32], &by).await.unwrap();
    approvals.carried_out(&[1; 32], &later).await.unwrap();
    assert_eq!(approvals.one(id).await.unwrap().unwrap().carried_out_at, Some(now()));
    let noted = "SELECT count(*) FROM auth.security_events WHERE kind = 'approval_carried_out'";
    assert_eq!(world.count(noted).await, 1);
    assert_eq!(approvals.live_role(asker, now()).await.unwrap(), None, "a credential that nobody has");
    let Asked::New(late) = approvals.ask(&wanted(2, 1), asker, &by).await.unwrap() else { panic!("new") };
    approvals.carried_out(&[2; 32], &by).await.unwrap();
    assert_eq!(approvals.one(late.approval_id).await.unwrap().unwrap().carried_out_at, None);
    let over = By::nobody(now() + TimeDelta::hours(1));
    assert_eq!(approvals.decide(late.approval_id, true, winner, &over).await.unwrap().decided, None);
    let unknown = approvals.decide(Uuid::new_v4(), true, winner, &by).await;
    assert!(matches!(unknown, Err(VaultError::ApprovalUnknown)));
    world.close().await;
}

/// Whoever has the token of an invitation or of a reset can be the person whom it was made for.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_made_the_askers_account_of_late_does_not_decide() {
    let world = World::new().await;
    let (staff, approvals, maker) = (world.vault.staff(), world.vault.approvals(), Uuid::new_v4());
    let by = By { actor: Some(maker), ..By::nobody(now()) };
    let asker = staff.create(None, "admin", &login(), &by).await.unwrap();
    staff.enrol(asker.token.expose(), PASSWORD, &by).await.unwrap();
    let asked = async |key: u8, at: TimeDelta| {
        let wanted = Wanted {
            kind: ApprovalKind::BonusLimit,
            subject: None,
            key: [key; 32],
            fingerprint: [1; 32],
            inputs: b"{}",
            expires_at: now() + at + TimeDelta::hours(72),
        };
        let asked = approvals.ask(&wanted, asker.staff_id, &By::nobody(now() + at)).await.unwrap();
        let Asked::New(asked) = asked else { panic!("new") };
        asked.approval_id
    };
    let decided = async |id, who, at: TimeDelta| {
        approvals.decide(id, true, who, &By::nobody(now() + at)).await.unwrap().decided.map(|(who, ..)| who)
    };
    let soon = TimeDelta::minutes(72 * 60 - 1);
    let id = asked(1, soon).await;
    assert_eq!(decided(id, maker, TimeDelta::hours(100)).await, None, "however long she waits");
    let other = Uuid::new_v4();
    assert_eq!(decided(id, other, TimeDelta::hours(100)).await, Some(other));
    let id = asked(2, TimeDelta::hours(72)).await;
    assert_eq!(
        decided(id, maker, TimeDelta::hours(73)).await,
        Some(maker),
        "it has been the asker's for long"
    );
    staff.reset(asker.staff_id, &By { at: now() + TimeDelta::hours(80), ..by }).await.unwrap();
    let id = asked(3, TimeDelta::hours(81)).await;
    assert_eq!(decided(id, maker, TimeDelta::hours(82)).await, None, "a reset is an invitation");
    world.close().await;
}
