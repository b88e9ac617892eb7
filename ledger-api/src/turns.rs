//! Turns: what is about one member is done in the order in which it came, what is about others goes on beside it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use ledger_core::ids::MemberId;
use tokio::sync::oneshot;

/// Who came last, member by member; of members with nobody in line, nothing is kept.
#[derive(Debug, Default)]
pub(crate) struct Turns(RefCell<HashMap<MemberId, (u64, oneshot::Receiver<()>)>>);

/// A place in a member's line, until it is dropped. It is given up in the line in which it was taken, whichever account
/// stands for hers by then.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Rc<Turns>,
    member: MemberId,
    number: u64,
    before: Option<oneshot::Receiver<()>>,
    /// Dropped with the turn: the next one's.
    _end: oneshot::Sender<()>,
}

impl Turns {
    /// The next place in `member`'s line. No two have the same `number`.
    pub(crate) fn take(self: &Rc<Self>, member: MemberId, number: u64) -> Turn {
        let (end, next) = oneshot::channel();
        let before = self.0.borrow_mut().insert(member, (number, next)).map(|(_, before)| before);
        Turn { turns: Rc::clone(self), member, number, before, _end: end }
    }
}

impl Turn {
    /// Waits until the turn before has ended, in any way.
    pub(crate) async fn comes(&mut self) {
        if let Some(before) = &mut self.before {
            let _ended = before.await;
            self.before = None;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut last = self.turns.0.borrow_mut();
        if last.get(&self.member).is_some_and(|(number, _)| *number == self.number) {
            last.remove(&self.member);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use uuid::Uuid;

    use super::*;

    fn comes(turn: &mut Turn) -> bool {
        turn.comes().now_or_never().is_some()
    }

    #[test]
    fn one_waits_for_those_before_it_of_the_same_member_alone_and_nothing_is_kept_behind_the_last() {
        let turns = Rc::new(Turns::default());
        let [anna, vera] = [1, 2].map(|id| MemberId::from_uuid(Uuid::from_u128(id)));
        let [mut first, mut second, mut third] = [1, 2, 3].map(|number| turns.take(anna, number));
        let mut other = turns.take(vera, 4);
        assert_eq!([&mut first, &mut second, &mut third, &mut other].map(comes), [true, false, false, true]);
        drop(first);
        assert_eq!([&mut second, &mut third].map(comes), [true, false]);
        drop(second);
        assert!(comes(&mut third));
        assert_eq!(turns.0.borrow().len(), 2);
        drop(other);
        drop(third);
        assert_eq!(turns.0.borrow().len(), 0);
    }
}
