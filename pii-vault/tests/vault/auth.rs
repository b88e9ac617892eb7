//! Codes, refresh tokens, API keys, QR claims, signing keys: their rules under real concurrency.

use chrono::TimeDelta;
use futures::future::join_all;
use pii_vault::VaultError;
use pii_vault::access::Access;
use pii_vault::auth::{
    ApiKeyRole, By, CodeUse, IssuedCode, OtpCode, OutboxMessage, QrClaim, SendLimits, SendMoment, hash_of_key,
};
use uuid::Uuid;

use crate::support::{World, access, business_id, now, phone};

fn moment(seconds: i64) -> SendMoment {
    let at = now() + TimeDelta::seconds(seconds);
    SendMoment { installation: at, machine: at }
}

async fn issue(world: &World, number: &str) -> IssuedCode {
    world.vault.codes().issue(&phone(number), None, &SendLimits::standard(), moment(0), None).await.unwrap()
}

fn wrong(code: &OtpCode) -> OtpCode {
    OtpCode::parse(if code.expose() == "000000" { "000001" } else { "000000" }).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_wrong_codes_at_once_are_five_tries_and_then_the_right_one_is_refused() {
    let world = World::new().await;
    let sent = issue(&world, "+79001234567").await;
    let tries = (0..50).map(|_| {
        let (vault, id, code) = (world.vault.clone(), sent.code_id, wrong(&sent.code));
        tokio::spawn(
            async move { vault.codes().check(id, &code, CodeUse::Keep, &access()).await.unwrap_err() },
        )
    });
    let errors: Vec<VaultError> = join_all(tries).await.into_iter().map(|error| error.unwrap()).collect();
    let mut left: Vec<u8> = errors
        .iter()
        .filter_map(
            |error| if let VaultError::CodeWrong { tries_left } = error { Some(*tries_left) } else { None },
        )
        .collect();
    left.sort_unstable();
    assert_eq!(left, [0, 1, 2, 3, 4]);
    let refused = world.vault.codes().check(sent.code_id, &sent.code, CodeUse::Burn, &access()).await;
    assert!(matches!(refused, Err(VaultError::CodeTriesSpent { retry_after_s: 300 })), "{refused:?}");
    let log = world.vault.security_log().before(i64::MAX, 50).await.unwrap();
    let written: Vec<_> = log.iter().map(|entry| (entry.kind.as_str(), entry.subject_id)).collect();
    assert_eq!(written, [("code_wrong", Some(sent.code_id)); 5], "each that was looked at is written down");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_kept_code_stays_good_and_a_burnt_one_lets_one_through() {
    let world = World::new().await;
    let sent = issue(&world, "8 900 123-45-67").await;
    let codes = world.vault.codes();
    for _ in 0..10 {
        let right = codes.check(sent.code_id, &sent.code, CodeUse::Keep, &access()).await.unwrap();
        assert_eq!(right.phone.expose(), "+79001234567");
    }
    let burns = (0..20).map(|_| {
        let (vault, id, code) = (world.vault.clone(), sent.code_id, sent.code.clone());
        tokio::spawn(async move { vault.codes().check(id, &code, CodeUse::Burn, &access()).await })
    });
    let burns: Vec<_> = join_all(burns).await.into_iter().map(|burn| burn.unwrap()).collect();
    assert_eq!(burns.iter().filter(|burn| burn.is_ok()).count(), 1);
    assert_eq!(burns.iter().filter(|burn| matches!(burn, Err(VaultError::CodeUsed))).count(), 19);
    let unknown = codes.check(Uuid::new_v4(), &sent.code, CodeUse::Keep, &access()).await;
    assert!(matches!(unknown, Err(VaultError::CodeUnknown)));
    world.close().await;
}

#[tokio::test]
async fn a_code_lives_300_seconds() {
    let world = World::new().await;
    let sent = issue(&world, "+79001234567").await;
    let check = async |seconds| {
        let at = Access { at: now() + TimeDelta::seconds(seconds), ..access() };
        world.vault.codes().check(sent.code_id, &sent.code, CodeUse::Keep, &at).await
    };
    assert!(check(299).await.is_ok());
    assert!(matches!(check(300).await, Err(VaultError::CodeExpired)));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_phone_gets_one_code_a_minute_and_five_an_hour() {
    let world = World::new().await;
    let limits = SendLimits::standard();
    let ask = |seconds| {
        let (vault, limits) = (world.vault.clone(), limits.clone());
        async move { vault.codes().issue(&phone("+79001234567"), None, &limits, moment(seconds), None).await }
    };
    let at_once: Vec<_> = join_all((0..20).map(|_| ask(0))).await;
    assert_eq!(at_once.iter().filter(|sent| sent.is_ok()).count(), 1);
    let refused = ask(10).await;
    assert!(matches!(refused, Err(VaultError::SendLimit { retry_after_s: 50 })), "{refused:?}");
    for minute in 1..5 {
        assert!(ask(60 * minute).await.is_ok(), "minute {minute}");
    }
    let refused = ask(300).await;
    assert!(matches!(refused, Err(VaultError::SendLimit { retry_after_s: 3_300 })), "{refused:?}");
    assert!(ask(3_600).await.is_ok());
    world.close().await;
}

#[tokio::test]
async fn an_address_asks_for_thirty_codes_an_hour() {
    let world = World::new().await;
    let address = Some("192.0.2.7".parse().unwrap());
    for (limits, expected) in [(SendLimits::standard(), 30), (SendLimits::without_addresses(), 35)] {
        let mut sent = 0;
        for number in 0..35 {
            let phone = phone(&format!("+79{expected}{number:07}"));
            sent += usize::from(
                world.vault.codes().issue(&phone, address, &limits, moment(0), None).await.is_ok(),
            );
        }
        assert_eq!(sent, expected);
    }
    world.close().await;
}

#[tokio::test]
async fn the_outbox_gives_a_phones_messages_in_order_and_holds_no_code_in_the_clear() {
    let world = World::new().await;
    let messages = ["111111", "222222"].map(|code| OutboxMessage {
        at: now(),
        text: format!("Код: {code}"),
        code: OtpCode::parse(code).unwrap(),
    });
    for message in &messages {
        world.vault.dev_outbox().put(&phone("+79001234567"), message).await.unwrap();
    }
    assert_eq!(world.vault.dev_outbox().messages(&phone("89001234567")).await.unwrap(), messages);
    assert!(world.vault.dev_outbox().messages(&phone("89001234568")).await.unwrap().is_empty());
    let clear =
        "SELECT count(*) FROM auth.dev_outbox o WHERE o::text || encode(sealed, 'escape') LIKE '%111111%'";
    assert_eq!(world.count(clear).await, 0);
    world.close().await;
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_reuse_ends_the_family() {
    let world = World::new().await;
    let (tokens, member) = (world.vault.refresh_tokens(), world.member("+79001234567").await);
    let first = tokens.start(member, now()).await.unwrap();
    let second = tokens.rotate(first.token.expose(), now()).await.unwrap();
    assert_eq!(second.holder_id, member.as_uuid());
    let reused = tokens.rotate(first.token.expose(), now()).await;
    assert!(matches!(reused, Err(VaultError::RefreshReused)));
    assert!(matches!(tokens.rotate(second.token.expose(), now()).await, Err(VaultError::RefreshInvalid)));
    assert!(matches!(tokens.rotate("ocr_unknown", now()).await, Err(VaultError::RefreshInvalid)));

    let other = tokens.start(member, now()).await.unwrap();
    let late = now() + TimeDelta::days(30);
    assert!(matches!(tokens.rotate(other.token.expose(), late).await, Err(VaultError::RefreshExpired)));
    tokens.log_out(other.token.expose(), &By::nobody(now())).await.unwrap();
    tokens.log_out(other.token.expose(), &By::nobody(now())).await.unwrap();
    let log = world.vault.security_log().before(i64::MAX, 50).await.unwrap();
    let written: Vec<_> = log.iter().map(|entry| (entry.kind.as_str(), entry.actor_id)).collect();
    assert_eq!(written, [("logged_out", Some(member.as_uuid()))], "once, as hers");
    assert!(matches!(tokens.rotate(other.token.expose(), now()).await, Err(VaultError::RefreshInvalid)));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_refreshes_of_one_token_one_wins_and_the_family_ends() {
    let world = World::new().await;
    let member = world.member("+79001234567").await;
    let first = world.vault.refresh_tokens().start(member, now()).await.unwrap();
    let tries = (0..20).map(|_| {
        let (vault, token) = (world.vault.clone(), first.token.clone());
        tokio::spawn(async move { vault.refresh_tokens().rotate(token.expose(), now()).await })
    });
    let outcomes: Vec<_> = join_all(tries).await.into_iter().map(|outcome| outcome.unwrap()).collect();
    let won: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    assert_eq!(won.len(), 1);
    let after = world.vault.refresh_tokens().rotate(won[0].token.expose(), now()).await;
    assert!(matches!(after, Err(VaultError::RefreshInvalid)), "{after:?}");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keys_are_listed_until_revoked_and_every_change_moves_the_version() {
    let world = World::new().await;
    let (keys, business) = (world.vault.api_keys(), business_id());
    let (empty, none) = keys.active().await.unwrap();
    assert!(none.is_empty());
    let issued = keys.issue(ApiKeyRole::Business(business), "касса", None, &By::nobody(now())).await.unwrap();
    let (after_issue, active) = keys.active().await.unwrap();
    assert!(after_issue > empty);
    assert_eq!((active[0].key_id, active[0].role), (issued.key_id, ApiKeyRole::Business(business)));
    assert_eq!(active[0].hash, hash_of_key(issued.key.expose()));
    keys.revoke(issued.key_id, &By::nobody(now())).await.unwrap();
    let (after_revoke, active) = keys.active().await.unwrap();
    assert!(after_revoke > after_issue && active.is_empty());
    assert_eq!(keys.of_business(business).await.unwrap()[0].revoked_at, Some(now()));
    assert!(matches!(keys.revoke(Uuid::new_v4(), &By::nobody(now())).await, Err(VaultError::ApiKeyUnknown)));

    let starts = join_all((0..8).map(|_| keys.bootstrap_admin("first", now()))).await;
    assert_eq!(starts.iter().filter(|start| start.is_ok()).count(), 1);
    let same = join_all((0..8).map(|_| keys.ensure_admin_key("dev-key", now()))).await;
    assert!(same.iter().all(|id| id.as_ref().unwrap() == same[0].as_ref().unwrap()));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_qr_token_serves_one_request_however_often_that_one_comes() {
    let world = World::new().await;
    let (claims, jti) = (world.vault.qr_claims(), Uuid::new_v4());
    let names: Vec<[u8; 1]> = (0..20).map(|name| [name]).collect();
    let outcomes = join_all(names.iter().map(|name| claims.claim(jti, name, now()))).await;
    let winner = outcomes.iter().position(|claim| *claim.as_ref().unwrap() == QrClaim::Granted).unwrap();
    assert_eq!(outcomes.iter().filter(|claim| *claim.as_ref().unwrap() == QrClaim::Granted).count(), 1);
    assert_eq!(claims.claim(jti, &names[winner], now()).await.unwrap(), QrClaim::Granted);
    assert_eq!(claims.purge(now() + TimeDelta::seconds(1)).await.unwrap(), 1);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_starting_at_once_make_one_signing_key() {
    let world = World::new().await;
    let starts = join_all((0..8).map(|_| world.vault.signing_keys().ensure(now()))).await;
    let keys: Vec<_> = starts.into_iter().map(|keys| keys.unwrap()).collect();
    assert!(keys.iter().all(|list| list.len() == 1 && list[0].key_id == keys[0][0].key_id));
    let key = &keys[0][0];
    assert_eq!((key.jwk_n().len(), key.jwk_e().as_str()), (342, "AQAB"));
    assert!(key.expose_pem().expose().starts_with(b"-----BEGIN PRIVATE KEY-----\nMII"));
    assert_eq!(world.count("SELECT count(*) FROM auth.signing_keys").await, 1);
    world.close().await;
}
