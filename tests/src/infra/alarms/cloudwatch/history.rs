//! When an alarm has rung.

use std::ops::Range;

/// The states of an alarm through some time: whether it was in the state ALARM, minute by minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct History(pub(crate) Vec<bool>);

impl History {
    /// The times in the state ALARM, from minute to minute. With each begins a call of its actions: "for Amazon SNS
    /// notifications, no additional actions are invoked".
    pub(crate) fn rings(&self) -> Vec<Range<usize>> {
        let mut rings: Vec<Range<usize>> = Vec::new();
        for (minute, _) in self.0.iter().enumerate().filter(|(_, rings)| **rings) {
            match rings.last_mut() {
                Some(ring) if ring.end == minute => ring.end += 1,
                _ => rings.push(minute..minute + 1),
            }
        }
        rings
    }
}

#[test]
fn minutes_in_a_row_are_one_ring() {
    for (states, expected) in [
        (&[false, false][..], &[][..]),
        (&[false, true, true, false, true], &[1..3, 4..5]),
        (&[true, false, true], &[0..1, 2..3]),
    ] {
        assert_eq!(History(states.to_vec()).rings(), expected);
    }
}
