//! What a change takes away, and what of it an owner must have seen. Rule X2.

use super::*;

#[test]
fn rule_x2_a_consent_is_to_the_version_that_the_owner_saw() {
    let seen = |version| ChainCommand::Consent { of: business_id("mindal"), version: Some(version) };
    let world = drafted().after(changed()).after(ChainCommand::Submit);
    for other in [0, 1, 3] {
        assert_eq!(world.when(&seen(other)), Err(Rejection::ChainVersion { newest: 2 }), "{other}");
    }
    let world = world.after(seen(2));
    assert_eq!(world.chain().newest.consents, [business_id("mindal")].into());
    // Whose business is no part of it is told nothing of its versions.
    let stranger = ChainCommand::Consent { of: business_id("buket"), version: Some(1) };
    assert_eq!(world.when(&stranger), Err(Rejection::ChainNotFound));
}

#[test]
fn rule_x2_a_change_takes_away_what_it_names_without_a_value() {
    let definition = Definition {
        from: Some(at(NOON)),
        to: Some(at(NOON).plus(TimeDelta::days(9))),
        holdout_percent: Some(9),
        ..dinner()
    };
    let world = nothing().after(ChainCommand::Draft(Box::new(definition.clone())));
    let change = |change: ChangeChain| ChainCommand::Change(Box::new(change));
    let world = world.after(change(ChangeChain { to: Some(None), ..ChangeChain::default() }));
    assert_eq!(*world.chain().newest.definition, Definition { to: None, ..definition });
    let both = ChangeChain { from: Some(None), holdout_percent: Some(None), ..ChangeChain::default() };
    assert_eq!(*world.after(change(both)).chain().newest.definition, dinner());
}
