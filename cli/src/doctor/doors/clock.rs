//! The clocks of both doors and of this machine, by the header `Date`. It has whole seconds (RFC 9110, section 5.6.7).

use crate::doctor::{
    check::{Check, Part},
    doors::{answer::Answer, finding::Kind},
};
use std::time::UNIX_EPOCH;

/// By so much the verifier lets a signature be of the future: its default skew.
const TOLERATED: i64 = 5;

/// How far a clock is ahead of that of this machine, in seconds: at least and at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ahead {
    least: i64,
    most: i64,
}

impl Ahead {
    /// The server made the answer between the request and the head of the answer.
    fn of(answer: &Answer) -> Option<Self> {
        let date = answer.date()?;
        let sent = i64::try_from(answer.sent.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()?;
        let round_trip = i64::try_from(answer.round_trip.as_secs()).ok()?;
        // Both times are cut to seconds, and so is the round trip.
        Some(Self { least: date - sent - round_trip - 2, most: date - sent + 1 })
    }

    /// By how much it is surely off.
    fn off(self) -> i64 {
        if self.least > 0 { self.least } else { self.most.min(0) }
    }

    /// By how much both surely differ.
    fn differs_from(self, other: Self) -> i64 {
        (self.least - other.most).max(other.least - self.most).max(0)
    }
}

/// The check, if an answer has a date. The clocks of the functions are not seen.
pub(crate) fn check<'a>(
    direct: impl Iterator<Item = &'a Answer>,
    viewer: impl Iterator<Item = &'a Answer>,
) -> Option<Check> {
    let (direct, viewer) = (nearest(direct), nearest(viewer));
    let mut found = Vec::new();
    if let (Some(direct), Some(viewer)) = (direct, viewer)
        && direct.differs_from(viewer) > TOLERATED
    {
        found.push(Kind::ClocksDiffer.found(format!(
            "by the header Date, the clock of the API and that of CloudFront differ by {} s or more",
            direct.differs_from(viewer)
        )));
    } else if let Some(off) = direct.or(viewer).map(Ahead::off)
        && off.abs() > TOLERATED
    {
        let (off, direction) = (off.abs(), if off > 0 { "behind" } else { "ahead of" });
        found.push(
            Kind::ClockHere.found(format!("the clock of this machine is {off} s or more {direction} that of the API")),
        );
    }
    let one = direct.or(viewer)?;
    let value = match one.off() {
        0 => "no difference is seen".to_owned(),
        off => format!("{off:+} s to this machine"),
    };
    Some(Check::seen(if direct.is_some() { Part::ApiUrl } else { Part::CloudFront }, "Date", value, found))
}

/// The one that is known best.
fn nearest<'a>(answers: impl Iterator<Item = &'a Answer>) -> Option<Ahead> {
    answers.filter_map(Ahead::of).min_by_key(|ahead| ahead.most - ahead.least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{doctor::doors::answer::tests::answer, finding::Mark};
    use std::time::Duration;

    /// 2026-11-26T10:00:00Z
    const NOW: u64 = 1_795_687_200;

    fn at(sent: u64, round_trip: u64) -> Answer {
        let mut answer = answer(200, &[("date", "Thu, 26 Nov 2026 10:00:00 GMT")], "");
        answer.sent = UNIX_EPOCH + Duration::from_secs(sent);
        answer.round_trip = Duration::from_secs(round_trip);
        answer
    }

    #[track_caller]
    fn assert_found(direct: &[Answer], viewer: &[Answer], expected: &[&str]) {
        let check = check(direct.iter(), viewer.iter()).unwrap();
        let found: Vec<_> = check.findings().iter().map(|found| format!("{}: {}", found.finding, found.text)).collect();
        assert_eq!(found, expected);
        assert_eq!(check.mark() == Mark::Ok, expected.is_empty());
    }

    #[test]
    fn a_difference_counts_beyond_what_is_uncertain() {
        assert_found(&[at(NOW, 0)], &[at(NOW, 0)], &[]);
        // Behind by at least 5 s, 6 s.
        assert_found(&[at(NOW - 7, 0)], &[], &[]);
        let behind = "clock-here: the clock of this machine is 6 s or more behind that of the API";
        assert_found(&[at(NOW - 8, 0)], &[at(NOW - 8, 0)], &[behind]);
        assert_found(&[at(NOW - 8, 1)], &[], &[]);
        // Of several answers the one that took the least time.
        assert_found(&[at(NOW - 8, 9), at(NOW - 8, 0)], &[], &[behind]);
        let ahead = "clock-here: the clock of this machine is 6 s or more ahead of that of the API";
        assert_found(&[at(NOW + 7, 0)], &[], &[ahead]);
        assert_found(&[at(NOW + 6, 0)], &[], &[]);
        let differ =
            "clocks-differ: by the header Date, the clock of the API and that of CloudFront differ by 7 s or more";
        assert_found(&[at(NOW, 0)], &[at(NOW + 10, 0)], &[differ]);
        assert_eq!(check([].iter(), [].iter()).map(|check| check.what), None);
    }
}
