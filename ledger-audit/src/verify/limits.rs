//! What an audit excludes, and what it does not, in plain words: with a witness and without.

use super::Trust;
use super::chain::Length;

/// What cannot have happened to this log; `is_sound` says that nothing was found.
pub(super) fn excluded(
    length: &Length,
    trust: &Trust,
    witnessed: Option<u64>,
    is_sound: bool,
) -> Vec<String> {
    let mut texts = Vec::new();
    if is_sound && length.sealed > 0 && !trust.keys.is_empty() && length.doubted.is_empty() {
        texts.push(format!(
            "Up to position {}: a change by anybody who does not hold a signing key of the log.",
            length.sealed
        ));
    }
    if let Some(seen) = witnessed.filter(|_| length.is_met) {
        texts.push(format!(
            "Up to position {seen}: a log written anew, another one shown to somebody else, a tail cut off, whoever holds the signing key. \
             The witness saw these very events."
        ));
    }
    for one in &length.witnesses.cosigned {
        let at = one.at.map_or_else(String::new, |at| format!(" at {at}"));
        texts.push(format!(
            "Up to position {}: a log written anew after `{}` had seen it, or another one shown to it, whoever holds the signing key. It \
             cosigned these very events{at}; that counts as long as who runs it is somebody else.",
            one.size, one.witness
        ));
    }
    texts
}

/// What an auditor should hear of cosignatures that are not there, or that nobody could check.
pub(super) fn besides(length: &Length) -> Vec<String> {
    let missing = |witness: &String| {
        format!(
            "no checkpoint of this log carries a cosignature of `{witness}`, whose key was given: none was handed in, or they were taken \
             away"
        )
    };
    let mut remarks: Vec<String> = length.witnesses.absent.iter().map(missing).collect();
    let strangers = &length.witnesses.strangers;
    if !strangers.is_empty() {
        remarks.push(format!(
            "checkpoints carry signatures of `{}`, which were not checked: give a witness's key with --witness-key",
            strangers.join("`, `")
        ));
    }
    remarks
}

/// What a witness would have found, and nobody else.
fn without_a_witness(length: &Length, trust: &Trust, witnessed: Option<u64>) -> Option<String> {
    let cosigned = length.witnesses.cosigned.iter().map(|one| one.size).max();
    let rest = |seen: u64| {
        format!(
            "The witness has seen {seen} of {} events. For those after them, who holds the signing key could still show others to \
             somebody else.",
            length.events
        )
    };
    let rewritten = "Who holds the log's signing key could have written another log from the first event on, signed it, and shown you \
                     this one: that, and a tail that was cut off together with its checkpoints, is not excluded.";
    match (witnessed, cosigned) {
        (None, None) if trust.witness.is_some() => Some(
            "The witness that was asked watches another log: of this one it says nothing. Another history of it, and a tail that was \
             cut off together with its checkpoints, are not excluded."
                .to_owned(),
        ),
        (None, None) if !trust.witness_keys.is_empty() => Some(format!(
            "No witness vouches for this log: nothing of it is cosigned with a key that was given. {rewritten} Ask the witness for what \
             it keeps, and give it with --witness."
        )),
        (None, None) => Some(format!(
            "No witness was asked. {rewritten} Run `ledger-audit witness` elsewhere and give what it keeps with --witness, or its key \
             with --witness-key when its cosignatures came with the log."
        )),
        // What is kept is older than what came with the log: it says nothing of the time since.
        (kept, Some(seen)) if kept.is_none_or(|kept| kept < seen) => {
            let cut = "Cosignatures that came with the log say nothing of later ones that did not: a tail that was cut off together with \
                       its checkpoints is not excluded. Ask the witness for what it keeps, and give it with --witness.";
            let rest = (seen < length.events).then(|| format!("{} ", rest(seen)));
            Some(format!("{}{cut}", rest.unwrap_or_default()))
        }
        (kept, seen) => {
            let seen = kept.max(seen)?;
            (seen < length.events).then(|| rest(seen))
        }
    }
}

/// What is not excluded.
pub(super) fn cannot_exclude(length: &Length, trust: &Trust, witnessed: Option<u64>) -> Vec<String> {
    let mut texts: Vec<String> = without_a_witness(length, trust, witnessed).into_iter().collect();
    if trust.keys.is_empty() {
        texts.push(
            "The keys were taken from the log itself. Who made all of it could have made them too: compare them with what the \
             operator publishes, or give them with --key."
                .to_owned(),
        );
    }
    if length.sealed < length.events {
        texts.push(format!(
            "{} events after position {} are not sealed yet: nobody has signed for them.",
            length.events - length.sealed,
            length.sealed
        ));
    }
    texts.push(
        "From when until when a key signs is the log's own word: the list of keys is not signed. Give every key that the operator \
         has published since the beginning, so that none of them can be left out."
            .to_owned(),
    );
    texts.push(
        "The moment at which a checkpoint was sealed is not signed; only the period of its key bounds it."
            .to_owned(),
    );
    texts
}
